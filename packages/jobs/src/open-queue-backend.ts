import type { QueueBackend } from "./backend.ts";
import { createPostgresQueueBackend } from "./postgres-backend.ts";
import { createRedisBackend } from "./redis-backend.ts";

export type QueuePlace = {
  /** Redis, or the nodes of a Redis Cluster; undefined: queues on Postgres. */
  redisNodes: readonly string[] | undefined;
  databaseUrl: string;
  /** Called for a connection that broke or could not be made; both backends connect again by themselves. */
  onError: (error: Error) => void;
};

/**
 * Opens queues on Redis if there is one, otherwise on Postgres. All processes of a system must choose the same one:
 * nothing runs jobs that wait in the other. Connects in the background.
 */
export function openQueueBackend({ redisNodes, databaseUrl, onError }: QueuePlace): QueueBackend {
  return redisNodes
    ? createRedisBackend(redisNodes, onError)
    : createPostgresQueueBackend(databaseUrl, onError);
}
