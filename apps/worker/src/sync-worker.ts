import {
  decideRetryDelayMs,
  type JobWorker,
  notificationJobName,
  type Shard,
  type SyncQueueName,
} from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import type { PauseQueue } from "./outage.ts";
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

/**
 * Works on a queue of sync jobs and notification jobs, in every shard that exists. A shard that no process adds to any
 * more is worked off too.
 */
export function startSyncWorker(context: WorkerContext, queue: SyncQueueName): QueueWorker {
  const running = new Map<Shard, JobWorker>();
  const started: QueueWorker[] = [];
  // An outage is one of all users. Otherwise each shard would ask Clerk once more.
  const pauseQueue: PauseQueue = async (ms) => {
    await Promise.all([...running.values()].map((worker) => worker.rateLimit(ms)));
  };
  const stop = context.backend.shards.watch((shard) => {
    started.push(
      startQueueWorker(context, queue, () => {
        const worker = createSyncWorker(context, queue, shard, pauseQueue);
        running.set(shard, worker);
        return worker;
      }),
    );
  });
  return {
    close: async () => {
      stop();
      await Promise.all(started.map((worker) => worker.close()));
    },
  };
}

function createSyncWorker(
  context: WorkerContext,
  queue: SyncQueueName,
  shard: Shard,
  pauseQueue: PauseQueue,
): JobWorker {
  const findQueue = () => {
    const shards = context.producers[queue].current();
    return shards.find((one) => one.shard === shard)?.queue;
  };
  return context.backend.createWorker(
    queue,
    snoozeNewerVersions(context, queue, findQueue, (job) => {
      const run = job.name === notificationJobName ? processNotificationJob : processSyncJob;
      return run(context, queue, job, pauseQueue);
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
    shard,
  );
}
