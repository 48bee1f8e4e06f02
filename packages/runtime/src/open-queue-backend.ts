import { createQueuePool } from "@rollcall/db";
import { createPostgresQueueBackend, createRedisBackend, type QueueBackend } from "@rollcall/jobs";

export type QueuePlace = {
  /** Redis, or the nodes of a Redis Cluster; undefined: queues on Postgres. */
  redisNodes: readonly string[] | undefined;
  /** As in QUEUE_SHARDS; 1 by default. Queues on Postgres have no shards. */
  shards?: number | undefined;
  databaseUrl: string;
  /** The most connections to Postgres, if the queues are there. */
  max?: number;
  /** Called for a connection that broke or could not be made; both backends connect again by themselves. */
  onError: (error: Error) => void;
  /** Called, at most once in five seconds, when Postgres grants no more connections. */
  onRefused?: (error: Error) => void;
};

/**
 * Opens queues on Redis if there is one, otherwise on Postgres. All processes of a system must choose the same one:
 * nothing runs jobs that wait in the other. Connects in the background.
 */
export function openQueueBackend({ redisNodes, shards, onError, ...place }: QueuePlace): QueueBackend {
  return redisNodes
    ? createRedisBackend(redisNodes, onError, shards)
    : createPostgresQueueBackend(createQueuePool({ ...place, onIdleError: onError }));
}
