import { type RunMode, type RunView, runView } from "@rollcall/contracts";
import { z } from "zod";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { callHttp } from "../stage/http-call.ts";
import { adminPassword, type Stage } from "../stage/stage.ts";

const answerWithinMs = 10_000;
/** Whoever waits has a deadline of their own, which is earlier. */
const longestMs = 180_000;
const accepted = z.object({ runId: z.number() });

/** Orders a run as ops do, again after a 503, or finds the one of this mode that is not over yet. @returns its id */
export function requestNewRun(stage: Stage, mode: RunMode): Promise<number> {
  let api = 0;
  return waitFor("an order to be taken", async () => {
    api = 1 - api;
    const answer = await askAdmin(stage, "POST", "reconcile", { api, body: { mode, dryRun: false } });
    return accepted.parse(answer).runId;
  });
}

/** Says that a held run's deletions are right. */
export async function confirmDeletions(stage: Stage, runId: number): Promise<void> {
  await askAdmin(stage, "POST", `runs/${runId}/confirm-deletions`);
}

/** Waits for a run to be over, or for what it holds to be carried out. */
export function untilRun(
  stage: Stage,
  runId: number,
  isAsWished: (run: RunView) => boolean,
  timeoutMs = longestMs,
): Promise<RunView> {
  return waitFor(
    `run ${runId}`,
    async () => {
      const run = runView.parse(await askAdmin(stage, "GET", `runs/${runId}`));
      return isAsWished(run) ? run : undefined;
    },
    timeoutMs,
  );
}

/** @throws Error with the answer when it is not a success */
async function askAdmin(
  stage: Stage,
  method: "GET" | "POST",
  path: string,
  { api = 0, body }: { api?: number; body?: unknown } = {},
): Promise<unknown> {
  const { url } = stage.apis[api] ?? stage.apis[0];
  const { status, text } = await callHttp(`${url}/api/admin/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${adminPassword}`).toString("base64")}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    timeoutMs: answerWithinMs,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (status >= 300) throw new Error(`${method} ${path} was answered ${status}: ${text}`);
  return JSON.parse(text);
}
