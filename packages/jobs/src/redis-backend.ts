import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import type { QueueBackend } from "./backend.ts";
import {
  type ConnectOptions,
  connectRedis,
  retryStrategy,
  stayOnPrimary,
  writeKey,
} from "./connect-redis.ts";
import { listLateRedisJobs } from "./late-jobs.ts";
import type { QueueName } from "./queue-names.ts";
import { addStats, countRedisNames, readRedisMemory, readRedisStats } from "./redis-stats.ts";
import { hashTags, isSharded, type Shard, tagOf, watchShards } from "./shards.ts";

/** A producer fails at once while Redis is away: the api answers 503 instead of keeping jobs in memory. */
const producerOptions: ConnectOptions = {
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  commandTimeout: 1_500,
  connectTimeout: 2_000,
  retryStrategy,
};

/** A worker waits for Redis without a limit; a command timeout would break its blocking reads. */
const workerOptions: ConnectOptions = {
  maxRetriesPerRequest: null,
  connectTimeout: 2_000,
  retryStrategy,
  // Above BullMQ's longest blocking read of 10 s, during which the connection is silent.
  socketTimeout: 15_000,
};

/**
 * Queues on Redis, or on a Redis Cluster when several nodes are given. The keys of a queue share a hash tag, so that all
 * keys of a script are in one slot.
 *
 * @param shardCount as in QUEUE_SHARDS
 */
export function createRedisBackend(
  nodes: readonly string[],
  onError: (error: Error) => void,
  shardCount = 1,
): QueueBackend {
  const producer = connectRedis(nodes, producerOptions, onError);
  const consumer = connectRedis(nodes, { ...workerOptions, lazyConnect: true }, onError);
  const readMemory = () => readRedisMemory(producer);
  const memory = watchMemory(readMemory);
  const shards = watchShards(shardCount, () => findUsedShards(producer));
  const stopWrites: (() => void)[] = [];
  // In a cluster, each shard may be on another node.
  shards.watch((shard) => stopWrites.push(stayOnPrimary(producer, writeCheckKey(shard))));
  const keyOf = (queue: QueueName, shard: Shard) => (part: string) => keyIn(queue, shard, part);
  return {
    kind: "redis",
    shards,
    createQueue: (name, shard = 0) => new Queue(name, { connection: producer, prefix: tagOf(shard) }),
    createWorker: (name, processor, settings, shard = 0) =>
      new Worker(name, processor, { ...settings, connection: consumer, prefix: tagOf(shard) }),
    reachable: async () => {
      await awaitFirstConnection(producer);
      await producer.ping();
    },
    readStats: async (name) => {
      const places = isSharded(name) ? await shards.list() : [0];
      return addStats(await Promise.all(places.map((shard) => readRedisStats(producer, keyOf(name, shard)))));
    },
    countNames: (name, limit) => countRedisNames(producer, keyOf(name, 0), limit),
    readMemory,
    trimHistory: async () => undefined,
    listLateJobs: (name, shard = 0) => listLateRedisJobs(producer, keyOf(name, shard)),
    checkWrite: async () => {
      // Without a worker in this process, the second one never connects.
      const used = consumer.status === "wait" ? [producer] : [producer, consumer];
      const keys = (await shards.list()).map(writeCheckKey);
      await Promise.all(used.flatMap((client) => keys.map((key) => writeOver(client, key))));
    },
    hasRoom: memory.hasRoom,
    close: async () => {
      memory.close();
      shards.close();
      for (const stop of stopWrites) stop();
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

function keyIn(queue: QueueName, shard: Shard, part: string): string {
  return `${tagOf(shard)}:${queue}:${part}`;
}

const writeCheckKey = (shard: Shard) => `${tagOf(shard)}:write-check`;

/** A worker's connection keeps commands until it is back, so nothing is sent while it is away. */
async function writeOver(client: Redis | Cluster, key: string): Promise<void> {
  if (client.status !== "ready") throw new Error("A connection to Redis is not ready");
  await writeKey(client, key);
}

/**
 * The shards that ever had a job. BullMQ writes a queue's `meta` in the script that adds its first job, so this key is
 * there whenever a job is, also after a failover that lost the last writes. A list in a key of its own could miss a shard.
 */
async function findUsedShards(redis: Redis | Cluster): Promise<Shard[]> {
  const found = await Promise.all(
    hashTags.map(async (_, shard) => {
      const keys = [keyIn("ensure", shard, "meta"), keyIn("sync", shard, "meta")];
      const counts = await Promise.all(keys.map((key) => redis.exists(key))).catch(ignoreDenied);
      return counts.some((count) => count > 0) ? shard : [];
    }),
  );
  return found.flat();
}

/** A user of Redis that may reach the first shard alone can neither use the others nor see them. */
function ignoreDenied(error: unknown): number[] {
  if (error instanceof Error && error.message.includes("NOPERM")) return [];
  throw error;
}

const firstConnectionMs = 1_000;

/** A new connection takes a moment, during which commands fail as if Redis were away. */
async function awaitFirstConnection(client: Redis | Cluster): Promise<void> {
  if (client.status === "ready") return;
  await once(client, "ready", { signal: AbortSignal.timeout(firstConnectionMs) }).catch(() => undefined);
}

const memoryEveryMs = 500;

/**
 * At this share no more jobs are accepted. Workers need the rest to finish accepted jobs: without memory, BullMQ's
 * scripts fail and workers spin.
 */
const fullShare = 0.7;

type MemoryWatch = {
  /** False within about a second after the memory in use passed the limit, and true again below it. */
  hasRoom(): boolean;
  close(): void;
};

/** Reads the memory in the background, so that adding a job waits for no further answer. */
function watchMemory(readMemory: () => Promise<number | undefined>): MemoryWatch {
  let isFull = false;
  let isBusy = false;
  const timer = setInterval(async () => {
    if (isBusy) return;
    isBusy = true;
    try {
      isFull = ((await readMemory()) ?? 0) >= fullShare;
    } catch {
      // While Redis is away, adding a job fails by itself and the last answer stays.
    } finally {
      isBusy = false;
    }
  }, memoryEveryMs);
  timer.unref();
  return { hasRoom: () => !isFull, close: () => clearInterval(timer) };
}
