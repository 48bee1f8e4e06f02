import { setTimeout as sleep } from "node:timers/promises";
import { addSyncJob, openProducer, type Producer } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";
import type { JobsOptions } from "bullmq";
import type { Backend } from "./stage.ts";

/** A sync queue, from its producer's side. */
export type SyncQueue = {
  /** The connection options for a worker. */
  readonly address: { databaseUrl: string; redisUrl?: string };
  /** Pauses the queue and adds a sync job for each user. */
  fill(clerkIds: readonly string[]): Promise<void>;
  /** Resumes the queue. Resolves when all jobs are done. */
  drain(): Promise<void>;
  /** Adds one sync job and waits until it is done. @returns milliseconds */
  runOne(clerkId: string): Promise<number>;
  close(): Promise<void>;
};

const deadlineMs = 10_000;
const addedAtOnce = 250;
const drainTimeoutMs = 120_000;

/** @param options of the jobs, instead of the product's own; for a worker that is no worker of ours */
export async function openSyncQueue(
  backendKind: Backend,
  { databaseUrl, redisUrl }: { databaseUrl: string; redisUrl: string },
  options: JobsOptions = {},
): Promise<SyncQueue> {
  const onRedis = backendKind === "redis";
  const backend = openQueueBackend({
    redisNodes: onRedis ? [redisUrl] : undefined,
    databaseUrl,
    onError: () => undefined,
  });
  const producer = openProducer(backend, "sync");
  const queue = await producer.connected(deadlineMs);

  const withOptions: Producer = {
    ...producer,
    add: (job, addDeadlineMs) =>
      producer.add({ ...job, options: { ...job.options, ...options } }, addDeadlineMs),
  };
  const add = (clerkId: string) => {
    const syncJob = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: Date.now() } as const;
    return addSyncJob(withOptions, syncJob, deadlineMs);
  };
  // BullMQ's own counts read every job of the queue on Postgres, which would be measured too.
  const isIdle = async () => {
    const { waiting, active, delayed } = (await backend.readStats("sync")).jobs;
    return waiting + active + delayed === 0;
  };
  const untilIdle = async (pollMs: number) => {
    const untilMs = Date.now() + drainTimeoutMs;
    while (!(await isIdle())) {
      if (Date.now() > untilMs) throw new Error(`The queue was not empty after ${drainTimeoutMs} ms`);
      if (pollMs > 0) await sleep(pollMs);
    }
  };

  return {
    address: { databaseUrl, ...(onRedis && { redisUrl }) },
    fill: async (clerkIds) => {
      await queue.pause();
      for (let from = 0; from < clerkIds.length; from += addedAtOnce)
        await Promise.all(clerkIds.slice(from, from + addedAtOnce).map(add));
    },
    drain: async () => {
      await queue.resume();
      await untilIdle(10);
    },
    runOne: async (clerkId) => {
      const startedAtMs = performance.now();
      await add(clerkId);
      await untilIdle(0);
      return performance.now() - startedAtMs;
    },
    close: async () => {
      await producer.close();
      await backend.close();
    },
  };
}
