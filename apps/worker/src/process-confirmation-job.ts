import type { ErrorCode } from "@rollcall/contracts";
import { findRun } from "@rollcall/db";
import { JobFailure, type QueuedJob, readConfirmationJob, readErrorCode } from "@rollcall/jobs";
import { confirmDeletions } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { isOutage } from "./outage.ts";
import { snooze } from "./snooze.ts";

const outageWaitMs = 5_000;
/** Trying again would not change them. */
const final: ReadonlySet<ErrorCode> = new Set(["run.unknown", "run.not_held", "run.superseded"]);

/**
 * Carries out the deletions of a held run that a person confirmed.
 *
 * @throws JobFailure for what may pass; the queue tries again, and goes on where this broke off. DelayedError in an
 * outage, however long it lasts: who confirmed was told that it will be done
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
    // Nobody's wish: a job that was written by hand.
    if (run?.confirmedBy == null) return;
    await confirmDeletions(context.reconcile, runId, run.confirmedBy, { signal });
  } catch (error) {
    const code = readErrorCode(error);
    context.log.warn({ queue: "reconcile", runId, code, err: error }, "Held deletions were not carried out");
    if (isOutage(code)) return snooze(job, token, outageWaitMs);
    if (!final.has(code)) throw new JobFailure(code);
  }
}
