import type { RunView } from "@rollcall/contracts";
import { type QueuedJob, type ReconcileJob, readReconcileJob } from "@rollcall/jobs";
import { requestRun, runReconcile } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { snooze } from "./queue-worker.ts";

/**
 * Works on the run that a job names, or on the scheduled run of its mode. The job never fails: the run's row says how the
 * run ended, and maintenance adds a new job for an interrupted run.
 *
 * @throws DelayedError for the job of a scheduled full sync while Postgres is away
 */
export async function processReconcile(
  context: WorkerContext,
  job: QueuedJob,
  { token, signal }: { token: string | undefined; signal: AbortSignal },
): Promise<void> {
  const asked = readReconcileJob(job.data);
  if (!asked) {
    context.log.error({ jobId: job.id, queue: "reconcile" }, "A job could not be read");
    return;
  }
  const { mode } = asked;
  const runId = asked.runId ?? (await requestScheduled(context, mode));
  // The scheduled full sync comes once a day, so its job is kept. The next incremental sync comes within a minute.
  if (runId === undefined) return mode === "full" ? snooze(job, token, retryAfterMs) : undefined;
  try {
    await runReconcile(context.reconcile, runId, { signal, onProgress: createProgress(job) });
  } catch (error) {
    warn(context, { mode, runId, err: error });
  }
}

const retryAfterMs = 5_000;

/** The id of the scheduled run; undefined while Postgres is away. */
async function requestScheduled(
  context: WorkerContext,
  mode: ReconcileJob["mode"],
): Promise<number | undefined> {
  try {
    return (await requestRun(context, { mode, dryRun: false }, { program: "schedule" })).run.id;
  } catch (error) {
    warn(context, { mode, err: error });
    return undefined;
  }
}

function warn({ log }: WorkerContext, facts: { mode: string; runId?: number; err: unknown }): void {
  log.warn({ queue: "reconcile", ...facts }, "A reconcile job was interrupted");
}

const showEveryMs = 500;

/** Shows the run's row on the board. A full sync stores a page every few milliseconds, and no reader follows each one. */
function createProgress(job: QueuedJob): (run: RunView) => void {
  let shownAtMs = Number.NEGATIVE_INFINITY;
  return ({ id: runId, state, pages, seen, total, counts, missed }) => {
    const nowMs = performance.now();
    if (state === "running" && nowMs - shownAtMs < showEveryMs) return;
    shownAtMs = nowMs;
    const percent = total ? Math.min(100, Math.round((seen / total) * 100)) : null;
    // A run goes on while the queue is away.
    job
      .updateProgress({ runId, state, percent, pages, seen, total, missed, ...counts })
      .catch(() => undefined);
  };
}
