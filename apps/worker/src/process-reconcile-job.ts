import type { RunView } from "@rollcall/contracts";
import { type QueuedJob, type ReconcileJob, readReconcileJob } from "@rollcall/jobs";
import { requestRun, runReconcile } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { snooze } from "./snooze.ts";

/**
 * Works on the run that a job names, or on the scheduled one of its mode. Never fails: how a run ended is in its
 * row, and what broke off is taken on again by the maintenance.
 *
 * @throws DelayedError for the full run's job while Postgres is away
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
  // Its hour comes once a day, so its job stays, also when this worker does not; the next catch-up is a minute off.
  if (runId === undefined) return mode === "full" ? snooze(job, token, retryAfterMs) : undefined;
  try {
    await runReconcile(context.reconcile, runId, { signal, onProgress: (run) => showProgress(job, run) });
  } catch (error) {
    warn(context, { mode, runId, err: error });
  }
}

const retryAfterMs = 5_000;

/** The scheduled run's id; undefined while Postgres is away. */
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
  log.warn({ queue: "reconcile", ...facts }, "A reconcile job broke off");
}

/** For the board: what the run's row says. */
function showProgress(job: QueuedJob, run: RunView): void {
  const { id: runId, state, pages, seen, total, counts, missed } = run;
  const percent = total ? Math.min(100, Math.round((seen / total) * 100)) : null;
  // The queue may be away while the run goes on.
  job.updateProgress({ runId, state, percent, pages, seen, total, missed, ...counts }).catch(() => undefined);
}
