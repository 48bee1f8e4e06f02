import { decideRetryDelayMs, notificationJobName, type SyncQueueName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { processNotificationJob } from "./process-notification-job.ts";
import { processSyncJob } from "./process-sync-job.ts";
import { type QueueWorker, snoozeNewerVersions, startQueueWorker } from "./queue-worker.ts";

/**
 * A job mostly waits for a coalesced read and a coalesced write, so many run at once. On Postgres, jobs share a small pool
 * with the renewals of their locks. Completions are batched there, but a failed job still takes a connection for itself.
 */
const concurrency = { redis: 200, postgres: 100 } as const;

const settings = {
  // A killed worker's jobs run again within lock duration and stalled interval together. With the default count of 1 a
  // job would fail after the second death of a worker.
  lockDuration: 15_000,
  stalledInterval: 5_000,
  maxStalledCount: 20,
  runRetryDelay: 1_000,
  drainDelay: 5,
  maximumRateLimitDelay: 5_000,
};

/** Works on a queue of sync jobs and notification jobs. */
export function startSyncWorker(context: WorkerContext, queue: SyncQueueName): QueueWorker {
  return startQueueWorker(context, queue, () => {
    const worker = context.backend.createWorker(
      queue,
      snoozeNewerVersions(context, queue, (job) => {
        const run = job.name === notificationJobName ? processNotificationJob : processSyncJob;
        return run(context, queue, job, (ms) => worker.rateLimit(ms));
      }),
      {
        ...settings,
        concurrency: concurrency[context.backend.kind],
        settings: {
          // The message of a failure is its code: see `JobFailure`.
          backoffStrategy: (attemptsMade, _type, failure) =>
            decideRetryDelayMs(queue, attemptsMade, failure?.message),
        },
      },
    );
    return worker;
  });
}
