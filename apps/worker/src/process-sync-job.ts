import { type ErrorCode, type LogEvent, nameProfileEvent } from "@rollcall/contracts";
import { type QueuedJob, readSyncJob, type SyncJob, type SyncQueueName } from "@rollcall/jobs";
import { type SyncOutcome, syncUser } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import type { PauseQueue } from "./outage.ts";
import { readPayload } from "./read-payload.ts";
import { runSyncWork } from "./run-sync-work.ts";

/**
 * Runs one sync job. It returns nothing, because BullMQ would store the result.
 *
 * @throws RateLimitError in an outage, which burns no attempt; otherwise an error that holds a code alone
 */
export async function processSyncJob(
  context: WorkerContext,
  queue: SyncQueueName,
  job: QueuedJob,
  pauseQueue: PauseQueue,
): Promise<void> {
  const startedAtMs = Date.now();
  const syncJob = readPayload(context, job, readSyncJob);
  const work = async () => {
    const outcome = await syncUser(context.sync, syncJob, job.attemptsMade + 1);
    report(context, syncJob, outcome, startedAtMs);
  };
  await runSyncWork(context, { queue, pauseQueue }, work, (code, error) =>
    reportFailure(context, syncJob, code, error),
  );
}

/** Outcomes with their own log event, besides those of a new profile. */
const events: Partial<Record<SyncOutcome, LogEvent>> = {
  tombstoned: "user_tombstoned",
  held: "deletion_held",
  still_there: "deletion_unconfirmed",
};

function report(
  { pool, metrics, log }: WorkerContext,
  syncJob: SyncJob,
  outcome: SyncOutcome,
  startedAtMs: number,
): void {
  const { cause, clerkId, delivery } = syncJob;
  const ms = Date.now() - startedAtMs;
  metrics.count("rollcall_provision_total", { cause, outcome });
  metrics.observe("rollcall_provision_seconds", {}, ms / 1_000);
  metrics.observe("rollcall_sync_lag_seconds", {}, Math.max(0, Date.now() - syncJob.eventAtMs) / 1_000);
  const isProvisioned = outcome === "created" || outcome === "linked";
  const event: LogEvent = isProvisioned
    ? nameProfileEvent(outcome, pool.tables.profileName)
    : (events[outcome] ?? "user_synced");
  const line = { event, clerkId, cause, outcome, delivery, ms };
  if (outcome === "still_there") log.warn(line, "Clerk still has a user whose deletion was reported");
  else log.info(line, "User synced");
}

function reportFailure(
  { pool, metrics, log }: WorkerContext,
  syncJob: SyncJob,
  code: ErrorCode,
  error: unknown,
): void {
  const { cause, clerkId, kind } = syncJob;
  metrics.count("rollcall_provision_total", { cause, outcome: code });
  const event: LogEvent =
    kind === "delete" ? "user_deletion_failed" : nameProfileEvent("creation_failed", pool.tables.profileName);
  log.error({ event, clerkId, code, err: error }, "A user could not be synced");
}
