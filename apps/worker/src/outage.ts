import { AppError, type ErrorCode, isOutage, readErrorCode } from "@rollcall/contracts";
import type { SyncQueueName } from "@rollcall/jobs";
import type { Logger, Metrics } from "@rollcall/observability";
import { countPostgresError } from "@rollcall/sync";
import { RateLimitError } from "bullmq";

const pauseMs = 1_000;
/** Also for a longer `Retry-After`: a deletion must not wait for a day. */
const longestPauseMs = 5 * 60_000;

/** Pauses the whole queue, for all workers. */
export type PauseQueue = (ms: number) => Promise<void>;

/**
 * Pauses the queue if the error is an outage of a dependency. Returns for a failure of this job alone.
 *
 * @throws RateLimitError in an outage, which burns no attempt
 */
export async function throwIfOutage(
  { metrics, outages }: { metrics: Metrics; outages: OutageLog },
  queue: SyncQueueName,
  error: unknown,
  pauseQueue: PauseQueue,
): Promise<void> {
  countPostgresError(metrics, error);
  if (!isOutage(error)) return;
  const wantedMs = (error instanceof AppError && error.retryAfterMs) || pauseMs;
  outages.begin(queue, readErrorCode(error));
  // Pausing fails when the queue's database is away. Then the job's lock expires, and the job runs again.
  await pauseQueue(Math.min(wantedMs, longestPauseMs)).catch(() => undefined);
  throw new RateLimitError();
}

/** Logs once that an outage began and once that it ended, however many jobs met it. */
export type OutageLog = {
  /** A job of `queue` met the outage that `code` names. */
  begin(queue: string, code: ErrorCode): void;
  /** A job of `queue` succeeded. */
  end(queue: string): void;
};

export function createOutageLog(log: Logger): OutageLog {
  const open = new Map<string, { code: ErrorCode; beganAtMs: number }>();
  return {
    begin: (queue, code) => {
      if (open.get(queue)?.code === code) return;
      open.set(queue, { code, beganAtMs: Date.now() });
      log.warn({ event: "outage_began", queue, code }, "A dependency is away; the queue waits for it");
    },
    end: (queue) => {
      const outage = open.get(queue);
      if (!outage) return;
      open.delete(queue);
      const ms = Date.now() - outage.beganAtMs;
      log.info({ event: "outage_ended", queue, code: outage.code, ms }, "The dependency is back");
    },
  };
}
