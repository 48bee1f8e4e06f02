import {
  acquireLease,
  countEvents,
  countExistingUsers,
  createFinalEventIdReader,
  hasOpenFullSync,
  holdLease,
  inTransaction,
  type Lease,
  type Pool,
  type Queryable,
} from "@rollcall/db";

/** Longer than a turn, so that the next turn finds the lease held. */
const leaseMs = 60_000;
const longestTurnMs = 5_000;

/**
 * Adds the events that are final to the counts over time, in one worker at a time. Each call is one turn. A step is one
 * transaction, so a worker that dies counts nothing twice.
 */
export function createActivityCounter({ pool }: { pool: Pool }): () => Promise<void> {
  // Without a limit: the counts may be late, and must not leave an event out.
  const readFinalId = createFinalEventIdReader({ longestMs: Number.POSITIVE_INFINITY });
  let lease: Lease | undefined;

  return async () => {
    const isHeld = lease !== undefined && (await holdLease(pool, lease));
    if (!isHeld) lease = await acquireLease(pool, "activity-counts", leaseMs, { outlivesServer: true });
    if (!lease) return;
    const { finalId } = await readFinalId(pool, 0);
    if (finalId === undefined) return;
    // A first sync of many users needs Postgres for itself. The counts catch up after it.
    const longestMs = (await hasOpenFullSync(pool)) ? 0 : longestTurnMs;
    const endsAtMs = performance.now() + longestMs;
    const steps = [(db: Queryable) => countEvents(db, finalId), countExistingUsers];
    for (const step of steps)
      while (await inTransaction(pool, step)) if (performance.now() > endsAtMs) return;
  };
}
