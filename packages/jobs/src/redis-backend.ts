import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import { Cluster, type Redis, type RedisOptions } from "ioredis";
import type { QueueBackend } from "./backend.ts";
import { GatheringRedis } from "./gathering-redis.ts";
import { watchQueueRoom } from "./queue-room.ts";
import { countRedisNames, readRedisFigures, readRedisMemory } from "./redis-figures.ts";

/** Without the one generic option that would make the client's type depend on it. */
type ConnectOptions = Omit<RedisOptions, "replyMapping">;

/** Hash-tagged, so that all keys of a script live in one slot of a Redis Cluster. */
const prefix = "{rollcall}";

/** Reconnecting within a second keeps "used again when it is back" true without a restart. */
const retryStrategy = (attempt: number) => Math.min(attempt * 100, 1_000);

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

/**
 * A command timeout fails the command and keeps the connection, so a half-open one would fail every command
 * for ever. This drops a connection that leaves a command unanswered; an idle one is left alone.
 */
const defaultOptions: ConnectOptions = { socketTimeout: 5_000 };

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
    readFigures: (name) => readRedisFigures(producer, keyOf(name)),
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

/** A client for one node, or for a cluster. Its errors go to `onError`: ioredis reconnects by itself. */
export function connectRedis(
  nodes: readonly string[],
  wishes: ConnectOptions,
  onError: (error: Error) => void,
): Redis | Cluster {
  const options = { ...defaultOptions, ...wishes };
  const [first = "", ...others] = nodes;
  const client =
    others.length === 0
      ? new GatheringRedis(first, options)
      : new Cluster([...nodes], {
          redisOptions: options,
          enableOfflineQueue: options.enableOfflineQueue ?? true,
          clusterRetryStrategy: retryStrategy,
        });
  client.on("error", onError);
  return client;
}
