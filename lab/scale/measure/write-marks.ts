import type { Pool } from "@rollcall/db";
import { z } from "zod";

// Bytes of write-ahead log, updates of `users` (those that touched no index among them) and ids that it has given out.
const marks = `
select
  pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as "walBytes",
  n_tup_upd::float8 as updates, n_tup_hot_upd::float8 as "hotUpdates",
  pg_sequence_last_value(pg_get_serial_sequence('public.users', 'id')::regclass)::float8 as ids
from pg_stat_user_tables where schemaname = 'public' and relname = 'users'
`;

const row = z.object({ walBytes: z.number(), updates: z.number(), hotUpdates: z.number(), ids: z.number() });

/** What writes have left in the server's books so far. */
export type WriteMarks = z.infer<typeof row>;

/** @param pool of one connection, that of the writer: its counts are not yet in the books */
export async function readWriteMarks(pool: Pool): Promise<WriteMarks> {
  await pool.query("select pg_stat_force_next_flush()");
  return row.parse((await pool.query(marks)).rows[0]);
}
