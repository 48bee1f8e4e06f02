import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobQueue, QueueName } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";
import { z } from "zod";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import type { Stage } from "../stage/stage.ts";

const watched = ["ensure", "sync"] as const;
const open = ["waiting", "prioritized", "active", "failed"] as const;
const anyJob = z.object({ clerkId: z.string().optional(), clerkOrgId: z.string().optional() });

export type QueueWatch = {
  /** Resolves when the queues are idle. @returns the open jobs, if the deadline passes first */
  untilIdle(deadlineMs: number): Promise<string[]>;
  /** The payload of every dead letter. */
  readDeadLetters(): Promise<unknown[]>;
  close(): Promise<void>;
};

/**
 * Reads the queues directly, without a proxy.
 *
 * @param mustFinish whether the delayed job of a user, an organization or a pair counts as open
 */
export async function watchQueues(
  { redis, shards, databaseUrl, folder }: Pick<Stage, "redis" | "shards" | "databaseUrl" | "folder">,
  mustFinish: (clerkId: string, jobName: string) => boolean,
): Promise<QueueWatch> {
  const ignore = () => undefined;
  const backend = openQueueBackend({ redisNodes: redis && [redis.url], databaseUrl, onError: ignore });
  const openQueue = async (name: QueueName, shard = 0): Promise<JobQueue> => {
    const queue = backend.createQueue(name, shard);
    queue.on("error", ignore);
    await queue.waitUntilReady();
    return queue;
  };
  const deadLetters = await openQueue("dead-letter");
  const places = Array.from({ length: shards }, (_, shard) =>
    watched.map((name) => ({ name, shard })),
  ).flat();
  const queues = await Promise.all(places.map(({ name, shard }) => openQueue(name, shard)));

  async function findOpen(): Promise<string[]> {
    try {
      const found = await Promise.all(queues.map(findOpenIn));
      return found.flat();
    } catch (error) {
      // The service is busy, or still starting.
      return [`the queues do not answer: ${error instanceof Error ? error.message : error}`];
    }
  }

  async function findOpenIn(queue: JobQueue): Promise<string[]> {
    const counts = await queue.getJobCounts(...open);
    const busy = open.flatMap((state) =>
      counts[state] ? [`${counts[state]} ${state} in ${queue.name}`] : [],
    );
    // Each delayed job is read by itself, so this waits until no other job is open.
    return busy.length > 0 ? busy : findDelayedIn(queue);
  }

  async function findDelayedIn(queue: JobQueue): Promise<string[]> {
    return (await queue.getJobs(["delayed"])).flatMap((job) => {
      const { clerkOrgId, clerkId } = anyJob.parse(job?.data ?? {});
      // As the ledger names it: a user, an organization, or a pair.
      const name = [clerkOrgId, clerkId].filter((id) => id !== undefined).join(" ");
      if (!job || !mustFinish(name, job.name)) return [];
      return `${name} delayed in ${queue.name} after ${job.attemptsMade} attempts: ${job.failedReason}`;
    });
  }

  /** The log shows why a slow healing took so long. */
  function note(left: readonly string[]): void {
    appendFileSync(join(folder, "healing.log"), `${new Date().toISOString()} ${left.join("; ")}\n`);
  }

  return {
    untilIdle: async (deadlineMs) => {
      for (let last = ""; ; ) {
        const left = await findOpen();
        if (left.join() !== last) note(left);
        last = left.join();
        if (left.length === 0 || Date.now() > deadlineMs) return left;
        await sleep(150);
      }
    },
    readDeadLetters: () =>
      waitFor("the dead letters", async () => {
        const states = ["waiting", "delayed", "active", "completed", "failed"] as const;
        return (await deadLetters.getJobs([...states])).map((job) => job.data);
      }),
    close: async () => {
      await Promise.all([...queues, deadLetters].map((queue) => queue.close()));
      await backend.close();
    },
  };
}
