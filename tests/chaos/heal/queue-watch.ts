import { setTimeout as sleep } from "node:timers/promises";
import { createPostgresQueueBackend, createRedisBackend, type JobQueue } from "@rollcall/jobs";
import type { Stage } from "../stage/stage.ts";

const watched = ["ensure", "sync"] as const;
const open = ["waiting", "prioritized", "active", "delayed", "failed"] as const;

export type QueueWatch = {
  /** Jobs that will run, or that must be moved to the dead letters. */
  countOpen(): Promise<string[]>;
  /** Resolves when there are none. @returns what is left when time is up */
  untilIdle(deadlineMs: number): Promise<string[]>;
  /** What is kept of every dead letter. */
  readDeadLetters(): Promise<unknown[]>;
  close(): Promise<void>;
};

/** Looks into the queues from outside, past all proxies. */
export async function watchQueues({
  redis,
  databaseUrl,
}: Pick<Stage, "redis" | "databaseUrl">): Promise<QueueWatch> {
  const ignore = () => undefined;
  const backend = redis
    ? createRedisBackend([redis.url], ignore)
    : createPostgresQueueBackend(databaseUrl, ignore);
  const openQueue = async (name: (typeof watched)[number] | "dead-letter"): Promise<JobQueue> => {
    const queue = backend.createQueue(name);
    queue.on("error", ignore);
    await queue.waitUntilReady();
    return queue;
  };
  const [ensure, sync, deadLetters] = await Promise.all([
    openQueue("ensure"),
    openQueue("sync"),
    openQueue("dead-letter"),
  ]);

  async function countOpen(): Promise<string[]> {
    const counts = await Promise.all([ensure, sync].map((queue) => queue.getJobCounts(...open)));
    return counts.flatMap((count, index) =>
      open.flatMap((state) => (count[state] ? [`${count[state]} ${state} in ${watched[index]}`] : [])),
    );
  }

  return {
    countOpen,
    untilIdle: async (deadlineMs) => {
      for (;;) {
        const left = await countOpen();
        if (left.length === 0 || Date.now() > deadlineMs) return left;
        await sleep(150);
      }
    },
    readDeadLetters: async () => {
      const letters: unknown[] = [];
      for (const state of ["waiting", "delayed", "active", "completed", "failed"] as const) {
        letters.push(...(await deadLetters.getJobs([state])).map((job) => job.data));
      }
      return letters;
    },
    close: async () => {
      await Promise.all([ensure, sync, deadLetters].map((queue) => queue.close()));
      await backend.close();
    },
  };
}
