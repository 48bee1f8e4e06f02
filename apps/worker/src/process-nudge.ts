import { AppError, type ErrorCode } from "@rollcall/contracts";
import { PostgresError } from "@rollcall/db";
import {
  JobFailure,
  type Nudge,
  type NudgeQueueName,
  type QueuedJob,
  readErrorCode,
  readNudge,
} from "@rollcall/jobs";
import { type SyncOutcome, syncUser } from "@rollcall/sync";
import { RateLimitError, UnrecoverableError } from "bullmq";
import type { WorkerContext } from "./context.ts";

/** Failures that belong to a dependency: they would meet every user, so no user pays an attempt for them. */
const outages: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "postgres.unavailable",
  "queue.unavailable",
  "clerk.unavailable",
  "clerk.rate_limited",
  "clerk.unauthorized",
]);

const outagePauseMs = 1_000;

/**
 * Runs one nudge. Returns nothing: BullMQ would keep what it returns.
 *
 * @param pauseQueue stops the whole queue for a while, for all workers
 * @throws RateLimitError in an outage, which burns no attempt; else an error that holds a code and nothing more
 */
export async function processNudge(
  context: WorkerContext,
  queue: NudgeQueueName,
  job: QueuedJob,
  pauseQueue: (ms: number) => Promise<void>,
): Promise<void> {
  const startedAtMs = Date.now();
  const nudge = readPayload(context, job);
  try {
    const outcome = await syncUser(context.sync, nudge, job.attemptsMade + 1);
    report(context, nudge, outcome, startedAtMs);
  } catch (error) {
    const code = readErrorCode(error);
    if (error instanceof PostgresError) {
      context.metrics.count("rollcall_postgres_errors_total", { code: error.sqlState });
    }
    if (outages.has(code)) {
      const pauseMs = (error instanceof AppError && error.retryAfterMs) || outagePauseMs;
      context.log.warn({ event: "outage_began", queue, code, pauseMs, err: error }, "A dependency is away");
      // The queue's database may be what is away; then the job's lock runs out and it is run again.
      await pauseQueue(pauseMs).catch(() => undefined);
      throw new RateLimitError();
    }
    context.metrics.count("rollcall_provision_total", { cause: nudge.cause, outcome: code });
    context.log.error(
      { event: "mentorado_creation_failed", queue, clerkId: nudge.clerkId, code, err: error },
      "A user could not be provisioned",
    );
    throw new JobFailure(code);
  }
}

function readPayload(context: WorkerContext, job: QueuedJob): Nudge {
  try {
    return readNudge(job.data);
  } catch (error) {
    context.log.error({ jobId: job.id, err: error }, "A job could not be read");
    throw new UnrecoverableError(readErrorCode(error));
  }
}

function report(
  { metrics, log }: WorkerContext,
  nudge: Nudge,
  outcome: SyncOutcome,
  startedAtMs: number,
): void {
  const { cause, clerkId, delivery } = nudge;
  const ms = Date.now() - startedAtMs;
  metrics.count("rollcall_provision_total", { cause, outcome });
  metrics.observe("rollcall_provision_seconds", {}, ms / 1_000);
  metrics.observe("rollcall_sync_lag_seconds", {}, Math.max(0, Date.now() - nudge.eventAtMs) / 1_000);
  const event = outcome === "created" ? "mentorado_created" : "user_synced";
  log.info({ event, clerkId, cause, outcome, delivery, ms }, "User synced");
}
