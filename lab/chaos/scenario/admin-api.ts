import { type RunMode, type RunView, runView } from "@rollcall/contracts";
import { z } from "zod";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { callHttp } from "../../stage/http-call.ts";
import { adminPassword, type Stage } from "../stage/stage.ts";

const answerTimeoutMs = 10_000;
/** Callers have earlier deadlines of their own. */
const runTimeoutMs = 180_000;
const accepted = z.object({ runId: z.number() });

/** Requests a run, and again after a 503. An open run of this mode counts too. @returns the run's id */
export function requestNewRun(stage: Stage, mode: RunMode): Promise<number> {
  let api = 0;
  return waitFor(`an api to accept a request for a run (${mode})`, async () => {
    api = 1 - api;
    const answer = await callAdmin(stage, "POST", "reconcile", { api, body: { mode, dryRun: false } });
    return accepted.parse(answer).runId;
  });
}

/** Confirms the deletions of a held run. */
export async function confirmDeletions(stage: Stage, runId: number): Promise<void> {
  await callAdmin(stage, "POST", `runs/${runId}/confirm-deletions`);
}

/** Polls a run until it is as the caller wants it. */
export function untilRun(
  stage: Stage,
  runId: number,
  isWanted: (run: RunView) => boolean,
  timeoutMs = runTimeoutMs,
): Promise<RunView> {
  return waitFor(
    `run ${runId}`,
    async () => {
      const run = runView.parse(await callAdmin(stage, "GET", `runs/${runId}`));
      return isWanted(run) ? run : undefined;
    },
    timeoutMs,
  );
}

/** @throws Error with the answer if it is not a success */
async function callAdmin(
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
    timeoutMs: answerTimeoutMs,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (status >= 300) throw new Error(`${method} ${path} was answered ${status}: ${text}`);
  return JSON.parse(text);
}
