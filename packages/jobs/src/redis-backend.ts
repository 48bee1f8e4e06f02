import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import type { QueueBackend } from "./backend.ts";
import { type ConnectOptions, connectRedis, retryStrategy } from "./connect-redis.ts";
import { watchQueueRoom } from "./queue-room.ts";
import { countRedisNames, readRedisMemory, readRedisStats } from "./redis-stats.ts";

/** Hash-tagged, so that all keys of a script live in one slot of a Redis Cluster. */
const prefix = "{rollcall}";

/** A producer must learn at once that Redis is away: nothing waits in memory for an answer that 503 could give. */
const producerOptions: ConnectOptions = {
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  commandTimeout: 1_500,
  connectTimeout: 2_000,
  retryStrategy,
};

/** A worker waits for Redis however long it takes; a command timeout would break its blocking reads. */
const workerOptions: ConnectOptions = {
  maxRetriesPerRequest: null,
  connectTimeout: 2_000,
  retryStrategy,
  // Above BullMQ's longest blocking read of 10 s, which rightly stays silent that long.
  socketTimeout: 15_000,
};

/** Queues on Redis, or on a Redis Cluster when several nodes are given. */
export function createRedisBackend(nodes: readonly string[], onError: (error: Error) => void): QueueBackend {
  const producer = connectRedis(nodes, producerOptions, onError);
  const consumer = connectRedis(nodes, { ...workerOptions, lazyConnect: true }, onError);
  const readMemory = () => readRedisMemory(producer);
  const room = watchQueueRoom(readMemory);
  const keyOf = (queue: string) => (part: string) => `${prefix}:${queue}:${part}`;
  return {
    kind: "redis",
    createQueue: (name) => new Queue(name, { connection: producer, prefix }),
    createWorker: (name, processor, settings) =>
      new Worker(name, processor, { ...settings, connection: consumer, prefix }),
    reachable: async () => {
      await untilFirstConnected(producer);
      await producer.ping();
    },
    readStats: (name) => readRedisStats(producer, keyOf(name)),
    countNames: (name, limit) => countRedisNames(producer, keyOf(name), limit),
    readMemory,
    hasRoom: room.hasRoom,
    close: async () => {
      room.close();
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

const firstConnectionMs = 1_000;

/** A connection takes a moment, in which a command fails as if Redis were away; nobody should be told that it is. */
async function untilFirstConnected(client: Redis | Cluster): Promise<void> {
  if (client.status === "ready") return;
  await once(client, "ready", { signal: AbortSignal.timeout(firstConnectionMs) }).catch(() => undefined);
}
