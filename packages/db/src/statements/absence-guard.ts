import type { Queryable } from "../pool.ts";

/** Any number that nobody else uses; it spells "gone". Counting and deciding must not happen at once twice. */
const guardLockKey = 0x676f6e65;
const fewInADay = 5;
const shareOfUsersInADay = 0.005;

const countRecent = `
select count(*)::int as recent from rollcall.events
where kind = 'user_tombstoned' and details ->> 'by' = 'absence' and at > now() - interval '24 hours'
`;

/** Lets one transaction at a time count and delete, until it ends. */
export async function lockAbsenceGuard(db: Queryable): Promise<void> {
  await db.query("select pg_advisory_xact_lock($1)", [guardLockKey]);
}

const countLive = `
select count(*)::int as live from public.users
where deleted_at is null and ($1::timestamptz is null or created_at < $1)
`;

/**
 * Whether `wanted` more users may be deleted for being absent: all such deletions, from whatever path, may be
 * max(5, 0.5 % of live users) in 24 hours. More wait for a person, since a wrong key or an empty answer looks
 * just like everybody leaving.
 *
 * @param bornBefore counts only users who had a row by then: those whom a sweep with the key of another instance
 * brought along would raise the very limit that is to stop it
 */
export async function mayDeleteAbsent(
  db: Queryable,
  wanted: number,
  bornBefore: string | null = null,
): Promise<boolean> {
  const recent = (await db.query<{ recent: number }>(countRecent)).rows[0]?.recent ?? 0;
  const before = recent + wanted - 1;
  if (before < fewInADay) return true;
  // Counting a million rows is for the rare case only.
  const counted = await db.query<{ live: number }>(countLive, [bornBefore]);
  return before < Math.max(fewInADay, (counted.rows[0]?.live ?? 0) * shareOfUsersInADay);
}
