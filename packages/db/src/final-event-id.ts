import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";

/**
 * The holders are the transactions that write events now. Each of them took this lock before it drew its first id, and keeps
 * it until its end is visible to others. Their ids in `pg_snapshot` would not do: a transaction gets one only after it has
 * drawn the id of its first event. Every role may read pg_locks.
 */
const read = `
select
  coalesce((select max(id) from rollcall.events), 0) as "newestId",
  array(
    select virtualtransaction from pg_locks
    where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
      and relation = 'rollcall.events'::regclass
      and database = (select oid from pg_database where datname = current_database())
  ) as holders,
  pg_is_in_recovery() as "isReplica",
  coalesce((
    select extract(epoch from clock_timestamp() - at) * 1000 from rollcall.events where id > $1 order by id limit 1
  ), 0)::float8 as "waitingMs"
`;

const row = z.object({
  newestId: z.coerce.number(),
  holders: z.array(z.string()),
  isReplica: z.boolean(),
  waitingMs: z.number(),
});

export type FinalEventId = {
  /** No event with this id or a lower one can still appear. Undefined until the first one is known. */
  finalId: number | undefined;
  /** The newest visible id. It may be lower than the final one after a failover that lost events. */
  newestId: number;
  /** Events with these ids may appear although the ids are final, because their transaction took longer than the limit. */
  late: { fromId: number; toId: number } | undefined;
  /** The age of the oldest visible event above `afterId`, in milliseconds; 0 without one. */
  waitingMs: number;
  /** A later event is visible or may appear. Ask again soon. */
  isPending: boolean;
};

/**
 * Asks for the final id. Events must be read by a later statement.
 *
 * @throws AppError `postgres.unavailable`, also for a replica: it does not show the locks of its primary
 */
export type FinalEventIdReader = (db: Queryable, afterId: number) => Promise<FinalEventId>;

const firstMissing = `
with recent as (
  select greatest($1::bigint - $2::bigint, 0) as id
  union
  select id from rollcall.events where id > $1::bigint - $2::bigint and id <= $1::bigint
)
select coalesce(min(id), $1::bigint) as id
from (select id, lead(id) over (order by id) as next from recent) neighbours
where next > id + 1
`;

/** The id before the first one of the latest `count` ids that is not visible. */
async function findFirstGap(db: Queryable, newestId: number, count: number): Promise<number> {
  const { rows } = await db.query(firstMissing, [newestId, count]);
  return readRow(z.object({ id: z.coerce.number() }), rows).id;
}

export type FinalEventIdOptions = {
  /**
   * The longest wait for a transaction. The ids of one that takes longer are reported as `late`, when the wait ends and
   * again when the transaction does.
   */
  longestMs: number;
  /**
   * With this number the first answer need not wait for a transaction that is open then: an id is final, too, if this many
   * ids before it are visible. By default it waits.
   */
  startWithin?: number;
};

/**
 * Event ids are drawn before their transactions commit, so a higher id may be visible before a lower one. An id is final
 * once every transaction has ended that wrote events while the id was visible.
 */
export function createFinalEventIdReader({
  longestMs,
  startWithin,
}: FinalEventIdOptions): FinalEventIdReader {
  let finalId: number | undefined;
  let pending: { upTo: number; holders: readonly string[]; sinceMs: number } | undefined;
  /** Transactions that took longer than the limit, and the lowest id that each may have drawn. */
  const overdue = new Map<string, number>();

  /** Forgets overdue transactions that have ended. @returns the lowest id that one of them may have drawn */
  function dropEnded(holders: readonly string[]): number | undefined {
    const ended = [...overdue].filter(([holder]) => !holders.includes(holder));
    for (const [holder] of ended) overdue.delete(holder);
    return ended.length === 0 ? undefined : Math.min(...ended.map(([, fromId]) => fromId));
  }

  /** Ends the wait for `pending`. @returns the lowest id that a transaction which is left may have drawn */
  function settle(upTo: number, left: readonly string[]): number | undefined {
    const fromId = (finalId ?? 0) + 1;
    for (const holder of left) overdue.set(holder, fromId);
    finalId = upTo;
    pending = undefined;
    return left.length === 0 ? undefined : fromId;
  }

  return async (db, afterId) => {
    const { newestId, holders, isReplica, waitingMs } = readRow(row, (await db.query(read, [afterId])).rows);
    if (isReplica)
      throw new AppError("postgres.unavailable", "A replica does not show which transactions write events");
    // Events were lost, or all of them were pruned. Ids that are drawn now may be below the old final id.
    if (finalId !== undefined && newestId < finalId) [finalId, pending] = [newestId, undefined];
    const lateFroms = [dropEnded(holders)];
    if (pending) {
      const { upTo, sinceMs, holders: before } = pending;
      const left = before.filter((holder) => holders.includes(holder));
      if (left.length === 0 || performance.now() - sinceMs > longestMs) lateFroms.push(settle(upTo, left));
    }
    if (!pending && (finalId === undefined || newestId > finalId)) {
      const writing = holders.filter((holder) => !overdue.has(holder));
      if (writing.length === 0) finalId = newestId;
      else pending = { upTo: newestId, holders: writing, sinceMs: performance.now() };
      if (startWithin !== undefined) finalId ??= await findFirstGap(db, newestId, startWithin);
    }
    const fromId = Math.min(...lateFroms.filter((id) => id !== undefined));
    const late = fromId === Number.POSITIVE_INFINITY ? undefined : { fromId, toId: finalId ?? newestId };
    return { finalId, newestId, late, waitingMs, isPending: pending !== undefined };
  };
}
