import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type RunView } from "@rollcall/contracts";
import { findRun } from "@rollcall/db";
import type { ReconcileContext, RunOptions } from "./context.ts";
import { runReconcile } from "./run.ts";

const askEveryMs = 1_000;

/**
 * Stays with a run until it is over: works on it, or watches whoever does, and goes on with it should they die.
 *
 * @returns the run as it ended, or as it stands when `signal` is aborted
 * @throws AppError `run.unknown` or `postgres.unavailable`
 */
export async function followRun(
  context: ReconcileContext,
  runId: number,
  options: RunOptions = {},
): Promise<RunView> {
  const { onProgress, signal } = options;
  for (;;) {
    const result = await runReconcile(context, runId, options);
    if (result.kind === "ended") return result.run;
    const run = await findRun(context.pool, runId);
    if (!run) throw new AppError("run.unknown", `There is no run ${runId}`);
    onProgress?.(run);
    if (signal?.aborted) return run;
    await sleep(askEveryMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
}
