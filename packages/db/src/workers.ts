import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";

const staleAfterSeconds = 60;

/** Records that the worker process `id` is alive, and deletes workers that were silent for a day. */
export async function recordWorker(db: Queryable, id: string): Promise<void> {
  await db.query(
    `insert into rollcall.workers (id) values ($1) on conflict (id) do update set seen_at = now()`,
    [id],
  );
  await db.query(`delete from rollcall.workers where seen_at < now() - interval '1 day'`);
}

/** Removes a worker that stops in an orderly way. */
export async function removeWorker(db: Queryable, id: string): Promise<void> {
  await db.query(`delete from rollcall.workers where id = $1`, [id]);
}

/** The number of worker processes that were alive within the last minute. */
export async function countWorkers(db: Queryable): Promise<number> {
  const result = await db.query(
    `select count(*)::int as count from rollcall.workers where seen_at > now() - $1 * interval '1 second'`,
    [staleAfterSeconds],
  );
  return readRow(z.object({ count: z.number() }), result.rows).count;
}
