import type { QueueBackend } from "./backend.ts";
import { createPostgresQueueBackend } from "./postgres-backend.ts";
import { createRedisBackend } from "./redis-backend.ts";

export type QueuePlace = {
  /** Redis, or the nodes of a Redis Cluster; undefined where there is none. */
  redisNodes: readonly string[] | undefined;
  databaseUrl: string;
  /** Told of connections that broke, or could not be made; both backends connect again by themselves. */
  onError: (error: Error) => void;
};

/**
 * Queues on Redis where there is one, otherwise on Postgres: all processes of a system must choose alike, since nobody
 * works on jobs that wait in the other. Connects in the background.
 */
export function openQueueBackend({ redisNodes, databaseUrl, onError }: QueuePlace): QueueBackend {
  return redisNodes
    ? createRedisBackend(redisNodes, onError)
    : createPostgresQueueBackend(databaseUrl, onError);
}
