import type { Queryable } from "../pool.ts";
import { tombstoneUsers } from "./tombstone-users.ts";

/** Any number that nobody else uses; it spells "gone". Counting and deciding must not happen at once twice. */
const guardLockKey = 0x676f6e65;
const fewInADay = 5;
const shareOfUsersInADay = 0.005;

const countRecent = `
select count(*)::int as recent from rollcall.events
where kind = 'user_tombstoned' and details ->> 'by' = 'absence' and at > now() - interval '24 hours'
`;

/**
 * Deletes a user whom Clerk no longer has, though it never signed the deletion. All such deletions, from
 * whatever path, count against one guard: beyond max(5, 0.5 % of live users) in 24 hours they are held for a
 * person to confirm, since a wrong key or an empty answer looks just like everybody leaving. Run it inside a
 * transaction.
 */
export async function tombstoneAbsent(
  db: Queryable,
  absent: { clerkId: string; cause: string; ref: string | null },
): Promise<"tombstoned" | "deleted" | "held"> {
  await db.query("select pg_advisory_xact_lock($1)", [guardLockKey]);
  if (await isGuardReached(db)) {
    await hold(db, absent);
    return "held";
  }
  const buried = await tombstoneUsers(db, [{ ...absent, by: "absence" }]);
  return buried.has(absent.clerkId) ? "tombstoned" : "deleted";
}

async function isGuardReached(db: Queryable): Promise<boolean> {
  const recent = (await db.query<{ recent: number }>(countRecent)).rows[0]?.recent ?? 0;
  if (recent < fewInADay) return false;
  // Counting a million rows is for the rare case only.
  const live = await db.query<{ live: number }>(
    "select count(*)::int as live from public.users where deleted_at is null",
  );
  return recent >= Math.max(fewInADay, (live.rows[0]?.live ?? 0) * shareOfUsersInADay);
}

async function hold(
  db: Queryable,
  absent: { clerkId: string; cause: string; ref: string | null },
): Promise<void> {
  const held = await db.query(
    "insert into rollcall.held_deletions (clerk_id) values ($1) on conflict do nothing returning clerk_id",
    [absent.clerkId],
  );
  if (held.rows.length === 0) return;
  await db.query(
    "insert into rollcall.events (clerk_id, kind, cause, ref) values ($1, 'deletion_held', $2, $3)",
    [absent.clerkId, absent.cause, absent.ref],
  );
}
