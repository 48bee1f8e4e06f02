import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";

// Open runs, the newest ones, and the newest complete full syncs, whose held deletions an operator may confirm much later.
const marks = `
with watched as (
  (select * from rollcall.runs where state in ('waiting', 'running'))
  union
  (select * from rollcall.runs order by id desc limit 5)
  union
  (select * from rollcall.runs
   where mode = 'full' and state in ('succeeded', 'held') and not dry_run order by finished_at desc limit 5)
)
select
  (select string_agg(concat_ws(
     ',', id, state, pages, seen, total, deleted, held, failed, cancel_requested_at, confirmed_by
   ), ';' order by id) from watched) as runs,
  (select string_agg(concat_ws(',', name, state, fired_at, resolved_at), ';' order by name) from rollcall.alerts)
    || (select coalesce(string_agg(d::text, ''), '') from rollcall.alert_delivery d) as alerts,
  (select string_agg(concat_ws(',', id, state, done, failed, skipped), ';' order by id) from (
     (select * from rollcall.bulk_changes where state in ('waiting', 'running') limit 100)
     union
     (select * from rollcall.bulk_changes order by id desc limit 5)
   ) b) as bulk
`;

const mark = z.string().nullable();
const row = z.object({ runs: mark, alerts: mark, bulk: mark });

export type ChangeMarks = z.infer<typeof row>;

/**
 * A text for each part of the system that changes without an event, and that changes with it. It reads a few rows, however
 * long the tables are.
 */
export async function readChangeMarks(db: Queryable): Promise<ChangeMarks> {
  return readRow(row, (await db.query(marks)).rows);
}
