import type { Cluster, Redis } from "ioredis";
import { type NameCounts, type QueueStats, sampled } from "./backend.ts";

/** The jobs of several queues as if they were one. */
export function addStats(stats: readonly QueueStats[]): QueueStats {
  const total = (state: keyof QueueStats["jobs"]) => stats.reduce((sum, { jobs }) => sum + jobs[state], 0);
  const oldest = stats.flatMap(({ oldestUnfinishedAtMs }) => oldestUnfinishedAtMs ?? []);
  return {
    jobs: {
      waiting: total("waiting"),
      active: total("active"),
      delayed: total("delayed"),
      failed: total("failed"),
      completed: total("completed"),
    },
    oldestUnfinishedAtMs: oldest.length === 0 ? undefined : Math.min(...oldest),
  };
}

/** Two round trips, while BullMQ's own getters read job by job. `key` gives a key of the queue. */
export async function readRedisStats(
  redis: Redis | Cluster,
  key: (part: string) => string,
): Promise<QueueStats> {
  const [wait, paused, active, delayed, failed, completed, nextWaiting, nextPaused, running, retrying] =
    await Promise.all([
      redis.llen(key("wait")),
      redis.llen(key("paused")),
      redis.llen(key("active")),
      redis.zcard(key("delayed")),
      redis.zcard(key("failed")),
      redis.zcard(key("completed")),
      redis.lindex(key("wait"), -1),
      redis.lindex(key("paused"), -1),
      redis.lrange(key("active"), 0, sampled.active - 1),
      redis.zrange(key("delayed"), "0", String(sampled.delayed - 1)),
    ]);
  const ids = [nextWaiting, nextPaused, ...running, ...retrying].filter((id) => id !== null);
  const times = await Promise.all(ids.map((id) => redis.hget(key(id), "timestamp")));
  const known = times.filter((time) => time !== null).map(Number);
  return {
    jobs: { waiting: wait + paused, active, delayed, failed, completed },
    oldestUnfinishedAtMs: known.length === 0 ? undefined : Math.min(...known),
  };
}

/** Counts the `limit` newest waiting jobs by name. */
export async function countRedisNames(
  redis: Redis | Cluster,
  key: (part: string) => string,
  limit: number,
): Promise<NameCounts> {
  const [total, ids] = await Promise.all([redis.llen(key("wait")), redis.lrange(key("wait"), 0, limit - 1)]);
  const found = await Promise.all(ids.map((id) => redis.hget(key(id), "name")));
  const names = new Map<string, number>();
  for (const name of found) if (name !== null) names.set(name, (names.get(name) ?? 0) + 1);
  return { names, rest: Math.max(0, total - ids.length) };
}

/** The share of `maxmemory` in use; undefined without a limit. In a cluster, the share of the fullest node. */
export async function readRedisMemory(redis: Redis | Cluster): Promise<number | undefined> {
  const nodes = "nodes" in redis ? redis.nodes("master") : [redis];
  const shares = await Promise.all(nodes.map(readMemoryShare));
  const known = shares.filter((share) => share !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

async function readMemoryShare(redis: Redis): Promise<number | undefined> {
  const text = await redis.info("memory");
  const read = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const limit = read("maxmemory");
  return limit === 0 ? undefined : read("used_memory") / limit;
}
