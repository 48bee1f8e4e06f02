import { AppError, type ErrorCode } from "@rollcall/contracts";
import { readErrorCode, type SyncQueueName } from "@rollcall/jobs";
import { countPostgresError } from "@rollcall/sync";
import { RateLimitError } from "bullmq";
import type { WorkerContext } from "./context.ts";

/** Failures that belong to a dependency: they would meet every user, so no user pays an attempt for them. */
const outages: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "postgres.unavailable",
  "queue.unavailable",
  "clerk.unavailable",
  "clerk.rate_limited",
  "clerk.unauthorized",
]);

/** Whether a failure belongs to a dependency, and would meet everybody. */
export function isOutage(code: ErrorCode): boolean {
  return outages.has(code);
}

const pauseMs = 1_000;
/** Whatever a `Retry-After` says: a signed deletion must not wait for a day. */
const longestPauseMs = 5 * 60_000;

/** Stops the whole queue for a while, for all workers. */
export type PauseQueue = (ms: number) => Promise<void>;

/**
 * Returns for a failure of this job alone. In an outage it pauses the queue instead.
 *
 * @throws RateLimitError in an outage, which burns no attempt
 */
export async function throwIfOutage(
  context: WorkerContext,
  queue: SyncQueueName,
  error: unknown,
  pauseQueue: PauseQueue,
): Promise<void> {
  const code = readErrorCode(error);
  countPostgresError(context.metrics, error);
  if (!isOutage(code)) return;
  const wantedMs = (error instanceof AppError && error.retryAfterMs) || pauseMs;
  const ms = Math.min(wantedMs, longestPauseMs);
  context.outages.note(queue, code);
  // The queue's database may be what is away; then the job's lock runs out and it is run again.
  await pauseQueue(ms).catch(() => undefined);
  throw new RateLimitError();
}
