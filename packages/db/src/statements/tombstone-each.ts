import { isOutage } from "../errors.ts";
import type { Queryable } from "../pool.ts";
import { readSqlState } from "../transaction.ts";
import { type Burial, tombstoneUsers } from "./tombstone-users.ts";

/**
 * Deletes users inside a transaction, as `tombstoneUsers` does; one whom the app's own rules protect is halved out
 * and costs the others nothing.
 *
 * @returns how many were deleted that lived, and how many Postgres refused to delete
 */
export async function tombstoneEach(
  db: Queryable,
  clerkIds: readonly string[],
  why: Omit<Burial, "clerkId">,
): Promise<{ buried: number; failed: number }> {
  await db.query("savepoint burial");
  try {
    const buried = await tombstoneUsers(
      db,
      clerkIds.map((clerkId) => ({ clerkId, ...why })),
    );
    await db.query("release savepoint burial");
    return { buried: buried.size, failed: 0 };
  } catch (error) {
    // Class 40: the whole transaction is to run again.
    if (isOutage(error) || readSqlState(error)?.startsWith("40")) throw error;
    await db.query("rollback to savepoint burial");
    if (clerkIds.length === 1) return { buried: 0, failed: 1 };
  }
  const middle = Math.ceil(clerkIds.length / 2);
  const first = await tombstoneEach(db, clerkIds.slice(0, middle), why);
  const second = await tombstoneEach(db, clerkIds.slice(middle), why);
  return { buried: first.buried + second.buried, failed: first.failed + second.failed };
}
