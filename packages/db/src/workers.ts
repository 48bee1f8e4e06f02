import type { Queryable } from "../pool.ts";

const staleAfterSeconds = 60;

/** Says that the worker process `id` is alive, and forgets those that have long been silent. */
export async function recordWorker(db: Queryable, id: string): Promise<void> {
  await db.query(
    `insert into rollcall.workers (id) values ($1) on conflict (id) do update set seen_at = now()`,
    [id],
  );
  await db.query(`delete from rollcall.workers where seen_at < now() - interval '1 day'`);
}

/** Takes the worker off the list when it stops in an orderly way. */
export async function removeWorker(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from rollcall.workers where id = $1`, [id]);
}

/** Worker processes that were alive within the last minute. */
export async function countWorkers(db: Queryable): Promise<number> {
  const result = await db.query<{ count: string }>(
    `select count(*) as count from rollcall.workers where seen_at > now() - $1 * interval '1 second'`,
    [staleAfterSeconds],
  );
  return Number(result.rows[0]?.count);
}
