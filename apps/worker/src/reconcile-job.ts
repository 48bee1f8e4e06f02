import { setTimeout as sleep } from "node:timers/promises";
import type { RunView } from "@rollcall/contracts";
import { type QueuedJob, type ReconcileJob, readReconcileJob } from "@rollcall/jobs";
import { requestRun, runReconcile } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";

/**
 * Works on the run that a job names, or on the scheduled one of its mode. Never fails: how a run ended is in its
 * row, and what broke off is taken on again by the upkeep.
 */
export async function processReconcile(
  context: WorkerContext,
  job: QueuedJob,
  signal: AbortSignal,
): Promise<void> {
  const asked = readReconcileJob(job.data);
  if (!asked) {
    context.log.error({ jobId: job.id, queue: "reconcile" }, "A job could not be read");
    return;
  }
  try {
    const runId = asked.runId ?? (await requestScheduled(context, asked, signal));
    await runReconcile(context.reconcile, runId, { signal, onProgress: (run) => showProgress(job, run) });
  } catch (error) {
    const { mode, runId } = asked;
    context.log.warn({ queue: "reconcile", mode, runId, err: error }, "A reconcile job broke off");
  }
}

const retryMs = 5_000;

/** The full run's hour comes once a day, so its job waits while Postgres is away; the next catch-up is a minute off. */
async function requestScheduled(
  context: WorkerContext,
  { mode }: ReconcileJob,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    try {
      const { run } = await requestRun(context, { mode, dryRun: false, startedBy: "schedule" });
      return run.id;
    } catch (error) {
      if (mode === "catch-up" || signal.aborted) throw error;
      await sleep(retryMs, undefined, { signal });
    }
  }
}

/** For the board: what the run's row says. */
function showProgress(job: QueuedJob, run: RunView): void {
  const { id: runId, state, pages, seen, total, counts, missed } = run;
  const percent = total ? Math.min(100, Math.round((seen / total) * 100)) : null;
  // The queue may be away while the run goes on.
  job.updateProgress({ runId, state, percent, pages, seen, total, missed, ...counts }).catch(() => undefined);
}
