import { type ErrorCode, isOutage, readErrorCode } from "@rollcall/contracts";
import { findRun } from "@rollcall/db";
import { JobFailure, type QueuedJob, readConfirmationJob } from "@rollcall/jobs";
import { confirmDeletions } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { snooze } from "./queue-worker.ts";

const outageWaitMs = 5_000;
/** Errors that a retry cannot change. */
const final: ReadonlySet<ErrorCode> = new Set(["run.unknown", "run.not_held", "run.superseded"]);

/**
 * Carries out the deletions of a held run that an operator confirmed. A retry continues where the last attempt stopped.
 *
 * @throws JobFailure, after which the queue retries it. DelayedError in an outage, however long it lasts, because the
 * confirmation was accepted
 */
export async function processConfirmation(
  context: WorkerContext,
  job: QueuedJob,
  { token, signal }: { token: string | undefined; signal: AbortSignal },
): Promise<void> {
  const runId = readConfirmationJob(job.data);
  if (runId === undefined) {
    context.log.error({ jobId: job.id, queue: "reconcile" }, "A job could not be read");
    return;
  }
  try {
    const run = await findRun(context.pool, runId);
    // Without a confirmation in the row, the job was added by hand.
    if (run?.confirmedBy == null) return;
    await confirmDeletions(context.reconcile, runId, run.confirmedBy, { signal });
  } catch (error) {
    const code = readErrorCode(error);
    context.log.warn({ queue: "reconcile", runId, code, err: error }, "Held deletions were not carried out");
    if (isOutage(error)) return snooze(job, token, outageWaitMs);
    if (!final.has(code)) throw new JobFailure(code);
  }
}
