import type { Queryable } from "../pool.ts";
import { lockAbsenceGuard, mayDeleteAbsent } from "./absence-guard.ts";
import { tombstoneUsers } from "./tombstone-users.ts";

/**
 * Deletes a user whom Clerk no longer has, though it never signed the deletion, or holds the deletion for a
 * person to confirm: see `mayDeleteAbsent`. Run it inside a transaction.
 */
export async function tombstoneAbsent(
  db: Queryable,
  absent: { clerkId: string; cause: string; ref: string | null },
): Promise<"tombstoned" | "deleted" | "held"> {
  await lockAbsenceGuard(db);
  if (!(await mayDeleteAbsent(db, 1))) {
    await holdDeletions(db, [absent.clerkId], absent);
    return "held";
  }
  const deleted = await tombstoneUsers(db, [{ ...absent, by: "absence" }]);
  return deleted.has(absent.clerkId) ? "tombstoned" : "deleted";
}

const hold = `
with held as (
  insert into rollcall.held_deletions (clerk_id)
  select clerk_id from unnest($1::text[]) as a (clerk_id) order by clerk_id collate "C"
  on conflict do nothing
  returning clerk_id
)
insert into rollcall.events (clerk_id, kind, cause, ref) select clerk_id, 'deletion_held', $2, $3 from held
`;

/** Makes these deletions wait for a person. */
export async function holdDeletions(
  db: Queryable,
  clerkIds: readonly string[],
  why: { cause: string; ref: string | null },
): Promise<void> {
  await db.query(hold, [clerkIds, why.cause, why.ref]);
}

/** Forgets that these deletions wait: Clerk has the users. */
export async function releaseDeletions(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  await db.query("delete from rollcall.held_deletions where clerk_id = any ($1::text[])", [clerkIds]);
}
