import type { Queryable } from "../pool.ts";

/** Any number that nobody else uses; it spells "gone". Counting and deciding must not happen at once twice. */
const guardLockKey = 0x676f6e65;
const fewInADay = 5;
/** Of so many users one may go in a day: 0.5 %. */
const usersForEachInADay = 200;

/** Deletions by absence that the guard still remembers. */
const recent = `
rollcall.events e
where e.kind = 'user_tombstoned' and e.details ->> 'by' = 'absence' and e.at > now() - interval '24 hours'
`;

/** Lets one transaction at a time count and delete, until it ends. */
export async function lockAbsenceGuard(db: Queryable): Promise<void> {
  await db.query("select pg_advisory_xact_lock($1)", [guardLockKey]);
}

const countRecent = `select count(*)::int as recent from ${recent}`;

const hadRow = "($1::timestamptz is null or u.created_at < $1)";

// With those who went lately: else each deletion would lower the limit for the next, and one by one fewer went than
// together. Nobody twice: a person may have revived one. Two counts, since together no index helps with the first.
const countUsers = `
select (select count(*) from public.users u where u.deleted_at is null and ${hadRow})::int
     + (select count(distinct u.id) from public.users u
        where u.deleted_at is not null and ${hadRow} and u.clerk_id in (select e.clerk_id from ${recent}))::int as users
`;

/**
 * Whether `wanted` more users may be deleted for being absent: all such deletions, from whatever path, may be
 * max(5, 0.5 % of live users) in 24 hours, and never a part of a user more. More wait for a person, since a wrong key
 * or an empty answer looks just like everybody leaving.
 *
 * @param bornBefore counts only users who had a row by then: those whom a sweep with the key of another instance
 * brought along would raise the very limit that is to stop it
 */
export async function mayDeleteAbsent(
  db: Queryable,
  wanted: number,
  bornBefore: string | null = null,
): Promise<boolean> {
  const inADay = ((await db.query<{ recent: number }>(countRecent)).rows[0]?.recent ?? 0) + wanted;
  if (inADay <= fewInADay) return true;
  // Counting a million rows is for the rare case only.
  const counted = await db.query<{ users: number }>(countUsers, [bornBefore]);
  return inADay * usersForEachInADay <= (counted.rows[0]?.users ?? 0);
}
