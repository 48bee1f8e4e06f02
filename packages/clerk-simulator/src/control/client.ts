import { request } from "undici";
import { z } from "zod";
import { controlArguments } from "./arguments.ts";
import type { ClerkControl, RemoteClerkSimulator } from "./control.ts";

const infoSchema = z.object({
  url: z.string(),
  port: z.number(),
  secretKey: z.string(),
  jwtKey: z.string(),
});
const answerSchema = z.object({ result: z.unknown().optional(), error: z.string().optional() });

/**
 * Connects to a simulator in another process. The result has every operation except `stop`. Rejects when no simulator
 * answers. An operation rejects with the error text of the other process.
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
  // controlArguments has exactly the control's operations, and the other process runs this package.
  return Object.fromEntries(groups) as ClerkControl;
}

async function call(url: string, path: string, args: unknown[]): Promise<unknown> {
  const { body } = await request(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    // JSON has no undefined. Only objects of options may be left out before another argument.
    body: JSON.stringify(args.map((argument) => (argument === undefined ? {} : argument))),
    // `drain` may take as long as the longest retry.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const answer = answerSchema.parse(await body.json());
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.result;
}
