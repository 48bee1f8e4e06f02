import type { RunMode, RunView } from "@rollcall/contracts";
import { confirmDeletions, requestNewRun, untilRun } from "../perform/ops.ts";
import { releaseReconcile } from "../stage/hold-reconcile.ts";
import type { Stage } from "../stage/stage.ts";

/**
 * Makes up for deliveries that were lost: one catch-up and one full sweep, and nothing else. With so few people the
 * deletions that nobody told of are often too many to be believed; then ops say that they are right.
 *
 * @returns what went wrong
 */
export async function healLost(stage: Stage): Promise<string[]> {
  const fromMs = Date.now();
  try {
    await releaseReconcile(stage.databaseUrl);
    const caughtUp = await runAnew(stage, "catch-up", fromMs);
    const swept = await runAnew(stage, "full", fromMs);
    const ends = swept.state === "held" ? [caughtUp, await confirm(stage, swept)] : [caughtUp, swept];
    return ends
      .filter(({ state }) => state !== "succeeded")
      .map(({ id, mode, state, reason }) => `run ${id} (${mode}) is ${state}: ${reason}`);
  } catch (error) {
    return [String(error)];
  }
}

/** A run that began while faults lasted may fail for them; the one after it has no excuse. */
async function runAnew(stage: Stage, mode: RunMode, fromMs: number): Promise<RunView> {
  for (;;) {
    const runId = await requestNewRun(stage, mode);
    const run = await untilRun(stage, runId, ({ finishedAt }) => finishedAt !== null);
    if (Date.parse(run.startedAt ?? "") >= fromMs) return run;
  }
}

async function confirm(stage: Stage, { id }: RunView): Promise<RunView> {
  await confirmDeletions(stage, id);
  return untilRun(stage, id, ({ state }) => state !== "held");
}
