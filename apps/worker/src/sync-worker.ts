import {
  decideRetryDelayMs,
  isOrganizationJobName,
  type JobWorker,
  notificationJobName,
  type Shard,
  type SyncQueueName,
} from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import type { PauseQueue } from "./outage.ts";
import { processNotificationJob } from "./process-notification-job.ts";
import { processOrganizationJob } from "./process-organization-job.ts";
import { processSyncJob } from "./process-sync-job.ts";
import { type QueueWorker, snoozeNewerVersions, startQueueWorker } from "./queue-worker.ts";

/**
 * The jobs of a queue that a worker runs at once: `least`, and one more for each user that waits for an answer of Clerk,
 * up to `most`. A job that waits for Clerk uses no connection and no core, and a few kB of memory. Jobs beyond `least` would
 * otherwise only wait for Postgres, in front of the jobs of people who log in. On Postgres, jobs share a small pool with the
 * renewals of their locks. Completions are batched there, but a failed job still takes a connection for itself.
 */
const limits = { redis: { least: 200, most: 1_000 }, postgres: { least: 100, most: 400 } } as const;
/** Also of a shard that gets no new jobs. It must not take room from the others for as long as the process lives. */
const leastOfShard = 50;
const adaptEveryMs = 50;
/** The users in flight become few when a request is answered, and many again with the next. Their peak halves in 0.7 s. */
const keptOfPeak = 0.95;

/**
 * How many jobs a worker runs at once in a shard of a queue.
 *
 * @param usersInFlight users in unanswered requests to Clerk
 */
export function decideConcurrency(
  { kind, shards: { count } }: { kind: keyof typeof limits; shards: { count: number } },
  shard: Shard,
  usersInFlight: number,
): number {
  if (shard >= count) return leastOfShard;
  const { least, most } = limits[kind];
  const ofQueue = Math.min(most, least + usersInFlight);
  return Math.max(leastOfShard, Math.ceil(ofQueue / count));
}

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
  const pauseFrom = createPause(running);
  const stop = context.backend.shards.watch((shard) => {
    started.push(
      startQueueWorker(context, queue, () => {
        const worker = createSyncWorker(context, queue, shard, (ms) => pauseFrom(shard, ms));
        running.set(shard, worker);
        return worker;
      }),
    );
  });
  let peak = 0;
  const adapt = setInterval(() => {
    const { backend, readLoad } = context;
    peak = Math.max(readLoad.usersInFlight, peak * keptOfPeak);
    for (const [shard, worker] of running) worker.concurrency = decideConcurrency(backend, shard, peak);
  }, adaptEveryMs);
  return {
    close: async () => {
      clearInterval(adapt);
      stop();
      await Promise.all(started.map((worker) => worker.close()));
    },
  };
}

/**
 * Pauses all shards: an outage is one of all users, and each shard would ask Clerk once more. A job waits for the pause of its
 * own shard alone. Another shard may be on a node of the cluster that is away, and its worker's connection keeps commands
 * until it is back. So one command waits there, however many jobs fail meanwhile.
 */
export function createPause(
  running: ReadonlyMap<Shard, Pick<JobWorker, "rateLimit">>,
): (own: Shard, ms: number) => Promise<void> {
  const pausing = new Map<Shard, Promise<void>>();
  return async (own, ms) => {
    for (const [shard, worker] of running) {
      if (shard === own || pausing.has(shard)) continue;
      const pause = worker.rateLimit(ms).catch(() => undefined);
      pausing.set(shard, pause);
      void pause.then(() => pausing.delete(shard));
    }
    await running.get(own)?.rateLimit(ms);
  };
}

function chooseProcessor(jobName: string): typeof processSyncJob {
  if (jobName === notificationJobName) return processNotificationJob;
  return isOrganizationJobName(jobName) ? processOrganizationJob : processSyncJob;
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
      return chooseProcessor(job.name)(context, queue, job, pauseQueue);
    }),
    {
      ...settings,
      concurrency: decideConcurrency(context.backend, shard, 0),
      settings: {
        // The message of a failure is its code: see `JobFailure`.
        backoffStrategy: (attemptsMade, _type, failure) =>
          decideRetryDelayMs(queue, attemptsMade, failure?.message),
      },
    },
    shard,
  );
}
