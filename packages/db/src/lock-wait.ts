import type { Queryable } from "./pool.ts";

/** Longer than the app's own transactions hold a row, and much shorter than the time limit of a statement. */
export const longestLockWaitMs = 2_000;

/**
 * From here to its end the open transaction waits no longer than this for a lock. A row that the app keeps locked
 * then costs its own user (55P03), where a statement's time limit counts as an outage. What must be waited for
 * for longer comes first.
 */
export async function waitBrieflyForLocks(db: Queryable, longestMs = longestLockWaitMs): Promise<void> {
  await db.query(`set local lock_timeout = ${longestMs}`);
}
