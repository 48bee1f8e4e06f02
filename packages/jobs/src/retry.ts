import type { ErrorCode } from "@rollcall/contracts";
import type { JobsOptions } from "bullmq";
import type { QueueName, SyncQueueName } from "./queue-names.ts";

// Attempts, waits and history of every kind of job.

/** How many completed jobs of a queue stay, and for how many seconds. */
export type History = { age: number; count: number };

const dayS = 86_400;
const hour = { age: 3_600, count: 1_000 } as const satisfies History;
const day = { age: dayS, count: 200 } as const satisfies History;

/** The history of each queue. A dead letter never completes. */
export const histories: Record<QueueName, History | undefined> = {
  ensure: hour,
  sync: hour,
  reconcile: day,
  "dead-letter": undefined,
};

/**
 * Sync jobs and notification jobs. A failed job stays until the dead-letter mover has moved it. The custom backoff is
 * `decideRetryDelayMs` below, which the workers of the sync queues are built with.
 */
export const retryOptions = {
  attempts: 5,
  backoff: { type: "custom" },
  removeOnComplete: hour,
  removeOnFail: false,
} as const satisfies JobsOptions;

const runHistory = { removeOnComplete: day, removeOnFail: day } as const;

/** Reconcile jobs. The run's row, not the job, says how the run ended, and maintenance adds a new job for an open run. */
export const reconcileRetryOptions = { attempts: 1, ...runHistory } as const satisfies JobsOptions;

/** Confirmations: some minutes, because a run that just ended, or a worker that died, may still hold the lease. */
export const confirmationRetryOptions = {
  attempts: 30,
  backoff: { type: "fixed", delay: 5_000 },
  ...runHistory,
} as const satisfies JobsOptions;

/** Dead letters. Losing one would lose the only trace of a user that was not served. */
export const deadLetterOptions = {
  removeOnComplete: false,
  removeOnFail: false,
} as const satisfies JobsOptions;

const retryDelaysMs = [1_000, 5_000, 15_000, 30_000] as const;
/** A deletion waits a minute for Clerk's reads to follow: the sum of the waits between its five attempts. */
const stillThereDelaysMs = [1_000, 9_000, 20_000, 30_000] as const;
const longestEnsureDelayMs = 5_000;

/**
 * How long a failed sync job waits before its next attempt. A sync job that is added meanwhile merges into the waiting
 * one, so the wait is short. In queue `ensure` it is shorter still, because a person waits.
 *
 * @param attemptsMade attempts so far, 1 or more
 * @param code the code of the last failure
 * @returns milliseconds
 */
export function decideRetryDelayMs(queue: SyncQueueName, attemptsMade: number, code?: string): number {
  const delaysMs = code === ("user.still_there" satisfies ErrorCode) ? stillThereDelaysMs : retryDelaysMs;
  const delayMs = delaysMs[attemptsMade - 1] ?? 30_000;
  return queue === "ensure" ? Math.min(delayMs, longestEnsureDelayMs) : delayMs;
}
