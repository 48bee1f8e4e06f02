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
    const runId = asked.runId ?? (await requestScheduled(context, asked));
    await runReconcile(context.reconcile, runId, { signal, onProgress: (run) => showProgress(job, run) });
  } catch (error) {
    const { mode, runId } = asked;
    context.log.warn({ queue: "reconcile", mode, runId, err: error }, "A reconcile job broke off");
  }
}

async function requestScheduled(context: WorkerContext, { mode }: ReconcileJob): Promise<number> {
  const { run } = await requestRun(context, { mode, dryRun: false, startedBy: "schedule" });
  return run.id;
}

/** For the board: what the run's row says. */
function showProgress(job: QueuedJob, run: RunView): void {
  const { id: runId, state, pages, seen, total, counts, missed } = run;
  const percent = total ? Math.min(100, Math.round((seen / total) * 100)) : null;
  // The queue may be away while the run goes on.
  job.updateProgress({ runId, state, percent, pages, seen, total, missed, ...counts }).catch(() => undefined);
}
