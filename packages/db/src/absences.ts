import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { perTables } from "./tables.ts";

const record = `
insert into rollcall.absences (clerk_id, seen_at)
select id, now() from unnest($1::text[]) as id
order by id collate "C"
on conflict (clerk_id) do update set seen_at = excluded.seen_at
`;

// Some ids are never asked about again, so the table would grow without end.
const prune = "delete from rollcall.absences where seen_at < now() - interval '1 day'";

/** Records that Clerk lacks these users now. Ids must be distinct. */
export async function recordAbsences(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  await db.query(record, [clerkIds]);
  await db.query(prune);
}

const recordAt = `
insert into rollcall.absences as a (clerk_id, seen_at) values ($1, $2::timestamptz)
on conflict (clerk_id) do update set seen_at = greatest(a.seen_at, excluded.seen_at)
`;

/**
 * Records that Clerk lacked a user or a membership when it was asked.
 *
 * @param id a Clerk id, or the name of a membership
 * @param askedAt what `readClock` returned before Clerk was asked. An answer that took long must not count as a younger one
 */
export async function recordAbsenceAt(db: Queryable, id: string, askedAt: string): Promise<void> {
  await db.query(recordAt, [id, askedAt]);
  await db.query(prune);
}

const clockRow = z.object({ at: z.string() });

/** The time of Postgres' clock, as a text with all its digits. */
export async function readClock(db: Queryable): Promise<string> {
  return readRow(clockRow, (await db.query("select now()::text as at")).rows).at;
}

/** Whether Clerk lacked the user at a request within the last `withinMs`. */
export async function wasAbsent(db: Queryable, clerkId: string, withinMs: number): Promise<boolean> {
  const result = await db.query(
    "select from rollcall.absences where clerk_id = $1 and seen_at > now() - $2 * interval '1 millisecond'",
    [clerkId, withinMs],
  );
  return result.rows.length > 0;
}

const recentVersions = perTables(
  ({ users: u }) => `
select clerk_id as "clerkId", (extract(epoch from changed_at) * 1000)::float8 as "changedAtMs" from (
  select u.${u.clerkId}::text as clerk_id, coalesce(u.clerk_updated_at, u.${u.createdAt}) as changed_at
  from ${u.rows} u where u.${u.clerkId} = any ($1::text[])
) rows
where changed_at > now() - $2 * interval '1 millisecond'
`,
);

const recentVersion = z.object({ clerkId: z.string(), changedAtMs: z.number() });

/**
 * The versions of those users that changed at Clerk within the last `withinMs`, as milliseconds of Clerk's clock. For a
 * row that was never synced, it is the time of its creation.
 */
export async function readRecentVersions(
  db: Queryable,
  clerkIds: readonly string[],
  withinMs: number,
): Promise<Map<string, number>> {
  const { rows } = await db.query(recentVersions(db), [clerkIds, withinMs]);
  return new Map(
    readRows(recentVersion, rows).map(({ clerkId, changedAtMs }) => [clerkId, changedAtMs] as const),
  );
}

/** The key of the guard's advisory lock, unique in this code; it spells "gone". */
const guardLockKey = 0x676f6e65;

/** Lets one transaction at a time count and delete absent users, until it ends. */
export async function lockAbsenceGuard(db: Queryable): Promise<void> {
  await db.query("select pg_advisory_xact_lock($1)", [guardLockKey]);
}

const fewInADay = 5;
/** One of this many users may be deleted in a day: 0.5 %. */
const usersForEachInADay = 200;

const recentDeletions = `
rollcall.events e
where e.kind = 'user_tombstoned' and e.details ->> 'by' = 'absence' and e.at > now() - interval '24 hours'
`;

// A full sync deletes in several transactions. Each of them moves a number of deletions from its run's row to the timeline.
const countRecent = `
select (select count(*) from ${recentDeletions})::int + (
  select coalesce(sum((r.checkpoint -> 'deletions' ->> 'remaining')::int), 0)
  from rollcall.runs r where r.mode = 'full' and not r.dry_run and r.state = 'running'
)::int as count
`;

// Recently deleted users count too. Otherwise each deletion would lower the limit, and fewer users could be deleted one
// by one than together. A user counts once, though an operator may have revived it. There are two counts, because no
// index serves the first one if both are one.
const countUsers = perTables(({ users: u }) => {
  const hadRow = `($1::timestamptz is null or u.${u.createdAt} < $1)`;
  return `
select (select count(*) from (select from ${u.rows} u where u.${u.deletedAt} is null and ${hadRow} limit $2::bigint) live)::int
     + (select count(distinct u.${u.id}) from ${u.rows} u
        where u.${u.deletedAt} is not null and ${hadRow}
          and u.${u.clerkId} in (select e.clerk_id from ${recentDeletions}))::int as count
`;
});

const countRow = z.object({ count: z.number() });

/**
 * Whether `wanted` more users may be deleted because Clerk lacks them. All such deletions in 24 hours, from every path,
 * may be at most max(5, 0.5 % of the live users), rounded down. Deletions that a running full sync still has to carry out
 * count too. Further ones wait for an operator, because a wrong key or an empty answer looks as if all users were gone.
 *
 * @param bornBefore counts only users with a row by then. A full sync with another instance's key creates users, which
 * would raise the limit that must stop this sync.
 */
export async function mayDeleteAbsent(
  db: Queryable,
  wanted: number,
  bornBefore: string | null = null,
): Promise<boolean> {
  const inADay = readRow(countRow, (await db.query(countRecent)).rows).count + wanted;
  if (inADay <= fewInADay) return true;
  const enough = inADay * usersForEachInADay;
  const users = readRow(countRow, (await db.query(countUsers(db), [bornBefore, enough])).rows).count;
  return enough <= users;
}

const countStates = (table: "organization_states" | "membership_states") => `
select count(*) filter (where deleted_by = 'absence' and deleted_at > now() - interval '24 hours')::int as deleted,
       count(*) filter (where deleted_at is null and read_ticket is not null)::int as live
from rollcall.${table}
`;

const statesRow = z.object({ deleted: z.number(), live: z.number() });

/**
 * The same for organizations or memberships. Each kind has a limit of its own.
 *
 * @param made live ones that do not count, because the run that asks has made them: see `bornBefore`
 */
export async function mayDeleteAbsentOf(
  db: Queryable,
  table: "organization_states" | "membership_states",
  wanted: number,
  made = 0,
): Promise<boolean> {
  const { deleted, live } = readRow(statesRow, (await db.query(countStates(table))).rows);
  const inADay = deleted + wanted;
  return inADay <= fewInADay || inADay * usersForEachInADay <= live + deleted - made;
}
