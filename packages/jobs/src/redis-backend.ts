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
import { countRedisNames, readRedisMemory, readRedisStats } from "./redis-stats.ts";

/** A hash tag, so that all keys of a script are in one slot of a Redis Cluster. */
const prefix = "{rollcall}";

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

/** Queues on Redis, or on a Redis Cluster when several nodes are given. */
export function createRedisBackend(nodes: readonly string[], onError: (error: Error) => void): QueueBackend {
  const producer = connectRedis(nodes, producerOptions, onError);
  const consumer = connectRedis(nodes, { ...workerOptions, lazyConnect: true }, onError);
  const readMemory = () => readRedisMemory(producer);
  const memory = watchMemory(readMemory);
  const stopWrites = stayOnPrimary(producer, writeCheckKey);
  const keyOf = (queue: string) => (part: string) => `${prefix}:${queue}:${part}`;
  return {
    kind: "redis",
    createQueue: (name) => new Queue(name, { connection: producer, prefix }),
    createWorker: (name, processor, settings) =>
      new Worker(name, processor, { ...settings, connection: consumer, prefix }),
    reachable: async () => {
      await awaitFirstConnection(producer);
      await producer.ping();
    },
    readStats: (name) => readRedisStats(producer, keyOf(name)),
    countNames: (name, limit) => countRedisNames(producer, keyOf(name), limit),
    readMemory,
    trimHistory: async () => undefined,
    checkWrite: async () => {
      // Without a worker in this process, the second one never connects.
      const used = consumer.status === "wait" ? [producer] : [producer, consumer];
      await Promise.all(used.map(writeOver));
    },
    hasRoom: memory.hasRoom,
    close: async () => {
      memory.close();
      stopWrites();
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

const writeCheckKey = `${prefix}:write-check`;

/** A worker's connection keeps commands until it is back, so nothing is sent while it is away. */
async function writeOver(client: Redis | Cluster): Promise<void> {
  if (client.status !== "ready") throw new Error("A connection to Redis is not ready");
  await writeKey(client, writeCheckKey);
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
