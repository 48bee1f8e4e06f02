import { connectRedis } from "@rollcall/jobs";
import {
  createSessionCache,
  noSessionCache,
  type SessionCache,
  type SessionCacheOptions,
} from "./session-cache.ts";

type SessionCachePlace = Omit<SessionCacheOptions, "redis"> & {
  /** Redis, or the nodes of a Redis Cluster; undefined where there is none, and so no cache. */
  redisNodes: readonly string[] | undefined;
  connection: SessionCacheConnection;
};

type SessionCacheConnection = keyof typeof connections;

/**
 * `reading` is on the way of every login: a Redis that is slow is a miss, and what cannot be dropped over it a worker drops.
 * `dropping` waits longer, since a stale entry that outlives its change is a wrong answer.
 */
const connections = {
  reading: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 250,
    connectTimeout: 2_000,
  },
  dropping: { maxRetriesPerRequest: 1, commandTimeout: 2_000 },
} as const;

/** The session cache over a connection of its own, which `close` ends. Connects in the background. */
export function openSessionCache({
  redisNodes,
  connection,
  ...options
}: SessionCachePlace): SessionCache & { close(): void } {
  if (!redisNodes) return { ...noSessionCache, close: () => undefined };
  // Its failures are misses, or reach whoever drops.
  const redis = connectRedis(redisNodes, connections[connection], () => undefined);
  return { ...createSessionCache({ redis, ...options }), close: () => redis.disconnect() };
}
