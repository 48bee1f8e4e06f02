import { request } from "undici";
import { z } from "zod";
import type { ClerkControl, RemoteClerkSimulator } from "./control.ts";
import { controlArguments } from "./control-arguments.ts";

const infoSchema = z.object({
  url: z.string(),
  port: z.number(),
  secretKey: z.string(),
  jwtKey: z.string(),
});
const answerSchema = z.object({ result: z.unknown().optional(), error: z.string().optional() });

/**
 * Takes control of a simulator in another process. It can do what the one in process can, except to stop it.
 * Rejects when nothing answers there; operations reject with the text of the error over there.
 */
export async function connectClerkSimulator(url: string): Promise<RemoteClerkSimulator> {
  const { body } = await request(new URL("/__sim/info", url));
  return { ...infoSchema.parse(await body.json()), ...remoteControl(url) };
}

function remoteControl(url: string): ClerkControl {
  const groups = Object.entries(controlArguments).map(([group, schemas]) => {
    const names = Object.keys(schemas);
    const calls = names.map((name) => [
      name,
      (...args: unknown[]) => call(url, `/__sim/${group}/${name}`, args),
    ]);
    return [group, Object.fromEntries(calls)];
  });
  // controlArguments has exactly the control's operations, and the other side is this very package.
  return Object.fromEntries(groups) as ClerkControl;
}

async function call(url: string, path: string, args: unknown[]): Promise<unknown> {
  const { body } = await request(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    // JSON has no undefined; an argument left out before another one is always an object of options.
    body: JSON.stringify(args.map((argument) => (argument === undefined ? {} : argument))),
    // Draining may take as long as the longest retry.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const answer = answerSchema.parse(await body.json());
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.result;
}
