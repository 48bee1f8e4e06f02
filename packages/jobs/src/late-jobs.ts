import type { Cluster, Redis } from "ioredis";
import type pg from "pg";
import type { JobQueue, QueueBackend } from "./backend.ts";
import type { SyncQueueName } from "./queue-names.ts";
import type { Shard } from "./shards.ts";

// BullMQ delays a job until a time of its worker's clock, and on Postgres locks it until one. If this clock is ahead, the
// job waits for as long as the clock was ahead, also after it is right again.

/** The longest delay of a sync job is 30 s. */
const longestDelayMs = 60_000;
/** Locks last 15 s, and are renewed. */
const longestLockMs = 30_000;
const mostJobs = 100;

/** BullMQ's score of a delayed job: the time in milliseconds, and 12 bits for the order. */
const scorePerMs = 4_096;

/** By Redis' own clock. @returns ids of jobs that are delayed for longer than any delay */
export async function listLateRedisJobs(
  redis: Redis | Cluster,
  key: (part: string) => string,
): Promise<string[]> {
  const [seconds] = await redis.time();
  const fromScore = (Number(seconds) * 1_000 + longestDelayMs) * scorePerMs;
  return redis.zrangebyscore(key("delayed"), fromScore, "+inf", "LIMIT", 0, mostJobs);
}

const now = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

const shortenLocks = `
update job set locked_until_ms = ${now} + $2
where queue = $1 and state = 'active' and locked_until_ms > ${now} + $2
`;

const listLate = `
select id from job where queue = $1 and state = 'delayed' and process_at_ms > ${now} + $2 order by process_at_ms limit $3
`;

/**
 * The same by Postgres' clock. It also shortens locks: a worker that died while its clock was ahead would keep its jobs for
 * as long.
 */
export async function listLatePostgresJobs(pool: pg.Pool, queue: string): Promise<string[]> {
  await pool.query(shortenLocks, [queue, longestLockMs]);
  const { rows } = await pool.query<{ id: string }>(listLate, [queue, longestDelayMs, mostJobs]);
  return rows.map(({ id }) => id);
}

/**
 * Runs jobs now that a process with a wrong clock delayed for too long. Several processes may call it at once.
 *
 * @returns their number
 */
export async function runLateJobs(
  backend: Pick<QueueBackend, "listLateJobs">,
  { name, queue, shard }: { name: SyncQueueName; queue: Pick<JobQueue, "getJob">; shard?: Shard | undefined },
): Promise<number> {
  const ids = await backend.listLateJobs(name, shard);
  let promoted = 0;
  for (const id of ids) {
    const job = await queue.getJob(id);
    // Another worker may have promoted it, or an operator may have removed it.
    if (!(await job?.isDelayed())) continue;
    await job?.promote().catch(() => undefined);
    promoted += 1;
  }
  return promoted;
}
