import { decideRetryDelayMs, notificationJobName, type SyncQueueName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { snoozeNewerVersions } from "./newer-version.ts";
import { processNotificationJob } from "./process-notification-job.ts";
import { processSyncJob } from "./process-sync-job.ts";
import { type QueueWorker, startQueueWorker } from "./queue-worker.ts";

/**
 * Nearly all of a job is waiting for a coalesced read and a coalesced write. On Postgres the jobs share a small
 * pool with their own locks: with 200 at once, finishing jobs starved the renewals, and locks were lost.
 */
const concurrency = { redis: 200, postgres: 32 } as const;

const settings = {
  // A killed worker's jobs run again within lock + stalled interval. Innocent jobs survive any number of deaths
  // that we have to expect; the default of 1 would fail them after the second.
  lockDuration: 15_000,
  stalledInterval: 5_000,
  maxStalledCount: 20,
  runRetryDelay: 1_000,
  drainDelay: 5,
  maximumRateLimitDelay: 5_000,
};

/** Starts working off a queue of sync jobs and notification jobs. */
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
        settings: { backoffStrategy: (attemptsMade) => decideRetryDelayMs(queue, attemptsMade) },
      },
    );
    return worker;
  });
}
