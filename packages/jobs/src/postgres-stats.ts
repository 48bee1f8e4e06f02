import type pg from "pg";
import { z } from "zod";
import { type NameCounts, type QueueStats, sampled } from "./backend.ts";

/** Counting a million rows takes a quarter of a second at each scrape; counting this many takes 15 ms. */
const mostCounted = 100_000;

// BullMQ's own statement counts every row of the queue. The `order by` clauses are those of its partial indexes.
const selectStats = `
select
  (select count(*)::int from (
     select from job where queue = $1 and state = 'waiting' order by priority, seq limit $2) j) as waiting,
  (select count(*)::int from (
     select from job where queue = $1 and state = 'active' limit $2) j) as active,
  (select count(*)::int from (
     select from job where queue = $1 and state = 'delayed' order by process_at_ms limit $2) j) as delayed,
  (select count(*)::int from (
     select from job where queue = $1 and state = 'failed' order by finished_at_ms limit $2) j) as failed,
  (select count(*)::int from (
     select from job where queue = $1 and state = 'completed' order by finished_at_ms limit $2) j) as completed,
  least(
    (select added_at_ms from job where queue = $1 and state = 'waiting' order by priority, seq limit 1),
    (select min(added_at_ms) from (
       select added_at_ms from job where queue = $1 and state = 'active' limit ${sampled.active}) j),
    (select min(added_at_ms) from (
       select added_at_ms from job where queue = $1 and state = 'delayed'
       order by process_at_ms limit ${sampled.delayed}) j)
  ) as oldest
`;

const row = z.object({
  waiting: z.number(),
  active: z.number(),
  delayed: z.number(),
  failed: z.number(),
  completed: z.number(),
  oldest: z.coerce.number().nullable(),
});

/** @param pool its search path holds BullMQ's schema */
export async function readPostgresStats(pool: pg.Pool, queue: string): Promise<QueueStats> {
  const result = await pool.query(selectStats, [queue, mostCounted]);
  const { oldest, ...jobs } = row.parse(result.rows[0]);
  return { jobs, oldestUnfinishedAtMs: oldest ?? undefined };
}

const selectNames = `
with newest as (
  select name from job where queue = $1 and state = 'waiting' order by priority desc, seq desc limit $2
)
select name, count(*)::int as count from newest group by name
union all
select null, (select count(*) from (
  select from job where queue = $1 and state = 'waiting' order by priority, seq limit $3) j)::int
`;

const nameRow = z.object({ name: z.string().nullable(), count: z.number() });

/** Counts the `limit` newest waiting jobs by name. */
export async function countPostgresNames(pool: pg.Pool, queue: string, limit: number): Promise<NameCounts> {
  const result = await pool.query(selectNames, [queue, limit, mostCounted]);
  const names = new Map<string, number>();
  let total = 0;
  for (const { name, count } of z.array(nameRow).parse(result.rows)) {
    if (name === null) total = count;
    else names.set(name, count);
  }
  return { names, rest: Math.max(0, total - limit) };
}
