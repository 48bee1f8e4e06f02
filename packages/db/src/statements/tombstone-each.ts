import { isOutage, isRerunnable } from "../errors.ts";
import { longestLockWaitMs } from "../lock-wait.ts";
import type { Queryable } from "../pool.ts";
import { type Deletion, tombstoneUsers } from "./tombstone-users.ts";

/** Anybody may meet somebody else's short transaction. */
const shortestWaitMs = 20;

/**
 * Deletes users inside a transaction, as `tombstoneUsers` does; one whom the app's own rules protect, or whose row it
 * keeps locked, is halved out and costs the others nothing. A half waits half as long for locks: finding one locked
 * row takes twice the first wait, and not ten times, while others wait for this transaction's own locks.
 *
 * @returns how many were deleted that lived, and how many Postgres refused to delete
 */
export async function tombstoneEach(
  db: Queryable,
  clerkIds: readonly string[],
  why: Omit<Deletion, "clerkId">,
  longestWaitMs = longestLockWaitMs,
): Promise<{ deleted: number; failed: number }> {
  await db.query("savepoint deletion");
  try {
    const deleted = await tombstoneUsers(
      db,
      clerkIds.map((clerkId) => ({ clerkId, ...why })),
      longestWaitMs,
    );
    await db.query("release savepoint deletion");
    return { deleted: deleted.size, failed: 0 };
  } catch (error) {
    // Class 40: the whole transaction is to run again.
    if (isOutage(error) || isRerunnable(error)) throw error;
    await db.query("rollback to savepoint deletion");
    if (clerkIds.length === 1) return { deleted: 0, failed: 1 };
  }
  const middle = Math.ceil(clerkIds.length / 2);
  const waitMs = Math.max(shortestWaitMs, Math.floor(longestWaitMs / 2));
  const first = await tombstoneEach(db, clerkIds.slice(0, middle), why, waitMs);
  const second = await tombstoneEach(db, clerkIds.slice(middle), why, waitMs);
  return { deleted: first.deleted + second.deleted, failed: first.failed + second.failed };
}
