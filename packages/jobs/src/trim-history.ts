import type pg from "pg";
import type { History } from "./retry.ts";

/** So many rows are deleted within milliseconds. */
const mostTrimmed = 1_000;

/**
 * Deletes completed jobs that are older or more than the history keeps, in statements of a bounded number of rows. One
 * process at a time trims a queue. For the others there is nothing to do meanwhile.
 *
 * @throws Postgres' error
 */
export async function trimPostgresHistory(
  pool: pg.Pool,
  queue: string,
  { age, count }: History,
  signal: AbortSignal,
): Promise<void> {
  for (let trimmed = mostTrimmed; trimmed === mostTrimmed && !signal.aborted; ) {
    const { rowCount } = await pool.query(trim, [queue, age, count, mostTrimmed]);
    trimmed = rowCount ?? 0;
  }
}

// The newest job that is one too many bounds those that are deleted. Of jobs that ended in one millisecond, those that
// were added first go first. A row that an operator retries or removes at this moment is passed over.
const trim = `
with held as materialized (
  select pg_try_advisory_xact_lock(hashtext('rollcall:history'), hashtext($1)) as is_mine
), surplus as materialized (
  select finished_at_ms, seq from job
  where queue = $1 and state = 'completed'
  order by finished_at_ms desc, seq desc offset $3 limit 1
), age as materialized (
  select (extract(epoch from now()) * 1000)::bigint - $2::bigint * 1000 as finished_at_ms
), due as materialized (
  select id from job
  where queue = $1 and state = 'completed' and (select is_mine from held)
    and finished_at_ms <= greatest((select finished_at_ms from age), (select finished_at_ms from surplus))
    and (finished_at_ms <= (select finished_at_ms from age)
      or (finished_at_ms, seq) <= (select finished_at_ms, seq from surplus))
  order by finished_at_ms limit $4
  for update skip locked
)
delete from job where queue = $1 and id = any (array(select id from due))
`;
