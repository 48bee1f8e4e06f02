import { AppError, type GrowthDay, type GrowthHour } from "@rollcall/contracts";
import { z } from "zod";
import { readSqlState } from "./errors.ts";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { perTables, type Tables } from "./tables.ts";

/** The start of the quarter of an hour of a time. `extract` reads a time without a zone as UTC, as schema.ts does. */
const quarterOf = (time: string) => `to_timestamp(floor(extract(epoch from ${time})::float8 / 900) * 900)`;

/** Each bucket of the histogram ends a factor of 2^(1/4) above the one before. The last one holds a year and more. */
const bucketsPerDoubling = 4;
const lastBucket = 140;

const bucketOf = (time: string) =>
  `least(${lastBucket}, floor(${bucketsPerDoubling} * ln(greatest(1, extract(epoch from ${time}) * 1000)) / ln(2)))::int`;

/** Milliseconds in the middle of a bucket: at most a factor of 2^(1/8), 9 %, from each value in it. */
const middleOf = (bucket: number) => 2 ** ((bucket + 0.5) / bucketsPerDoubling);

/**
 * What the events with ids above $1 and up to $2 add to the counts. A sign-up belongs to the time at which the user signed
 * up at Clerk, so that a first sync of old users is no peak. Users whose first profile came late because they were there
 * before the installation would hide how long new users wait, so they are left out. In an app without profiles, a user is
 * provisioned once the row is there.
 */
const eventCounts = ({ users: u, profile }: Tables) => {
  const provisioned = profile ? "'mentorado_created', 'mentorado_linked'" : "'user_created'";
  return `
part as materialized (
  select id, at, clerk_id, kind, details from rollcall.events where id > $1 and id <= $2
),
profiles as (
  select p.id, p.at, p.clerk_id from part p where p.kind in (${provisioned})
),
counted (kind, at, bucket, value) as (
  select 'events', ${quarterOf("at")}, 0, count(*) from part group by 2
  union all
  select 'provisioned', ${quarterOf("at")}, 0, count(*) from profiles group by 2
  union all
  select 'deleted', ${quarterOf("at")}, 0, count(*) from part
  where kind = 'user_tombstoned' and not coalesce((details -> 'wasUnknown')::boolean, false)
  group by 2
  union all
  select 'sign_ups', ${quarterOf("case when u.clerk_created_at > 'epoch' then u.clerk_created_at else p.at end")}, 0, count(*)
  from part p left join ${u.rows} u on u.${u.clerkId} = p.clerk_id
  where p.kind = 'user_created' and p.id > (select installed_event from rollcall.activity_progress)
  group by 2
  union all
  select 'time_to_profile', ${quarterOf("p.at")}, ${bucketOf("p.at - u.clerk_created_at")}, count(*)
  from profiles p join ${u.rows} u on u.${u.clerkId} = p.clerk_id
  where u.clerk_created_at >= (select installed_at from rollcall.activity_progress)
    and not exists (
      select from rollcall.events e
      where e.clerk_id = p.clerk_id and e.id < p.id and e.kind in (${provisioned})
    )
  group by 2, 3
)`;
};

const addCounted = `
insert into rollcall.activity_counts as c (kind, at, bucket, value)
select kind, at, bucket, value from counted
on conflict (kind, at, bucket) do update set value = c.value + excluded.value
`;

const addEvents = perTables((tables) => `with ${eventCounts(tables)} ${addCounted}`);

const lockProgress = `
select counted_to as "countedTo" from rollcall.activity_progress for update
`;

/** The last one of the next events, in ids above $1 and up to $2. The ids alone do not tell: they have gaps. */
const lastOf = (count: number) => `
  select max(id) as id from (
    select id from rollcall.events where id > $1 and id <= $2 order by id limit ${count}
  ) next
`;

/** So many events take less than a second. */
const eventsPerStep = 20_000;

/**
 * Adds the next events to the counts, at most 20,000 and none above `finalId`. Run it inside a transaction: the counts and
 * the mark up to which events are counted change together, and two processes do it one after the other.
 *
 * @returns whether more events are left
 */
export async function countEvents(db: Queryable, finalId: number): Promise<boolean> {
  const shape = z.object({ countedTo: z.coerce.number() });
  const { countedTo } = readRow(shape, (await db.query(lockProgress)).rows);
  const last = z.object({ id: z.coerce.number().nullable() });
  const { id: upTo } = readRow(last, (await db.query(lastOf(eventsPerStep), [countedTo, finalId])).rows);
  if (upTo === null) return false;
  await db.query(addEvents(db), [countedTo, upTo]);
  await db.query("update rollcall.activity_progress set counted_to = $1", [upTo]);
  return upTo < finalId;
}

/**
 * Users that were there before the installation. A user with a user_created event since then is counted by it. The app may
 * have made the rows, so until a full sync is complete they lack Clerk's time; after a week without one they are counted by
 * the times that they have.
 */
const lockExisting = `
select existing_to as "existingTo", installed_event as "installedEvent"
from rollcall.activity_progress
where not existing_are_done and (
  installed_at < now() - interval '7 days' or exists (
    select from rollcall.runs where mode = 'full' and not dry_run and state in ('succeeded', 'held')
  )
)
for update
`;

const usersPerStep = 5_000;

const addExisting = perTables(
  ({ users: u }) => `
with part as materialized (
  select ${u.clerkId} as clerk_id, clerk_created_at, ${u.createdAt} as created_at, ${u.deletedAt} as deleted_at from ${u.from}
  where ${u.clerkId} > $1 order by ${u.clerkId} limit ${usersPerStep}
),
counted (kind, at, bucket, value) as (
  select 'sign_ups', ${quarterOf("case when u.clerk_created_at > 'epoch' then u.clerk_created_at else u.created_at end")}, 0, count(*)
  from part u
  -- A tombstone that never had the time was no user of ours.
  where (u.deleted_at is null or u.clerk_created_at is not null)
    and not exists (
      select from rollcall.events e where e.clerk_id = u.clerk_id and e.kind = 'user_created' and e.id > $2
    )
  group by 2
),
added as (${addCounted})
update rollcall.activity_progress set
  existing_to = coalesce((select max(clerk_id) from part), existing_to),
  existing_are_done = (select count(*) from part) < ${usersPerStep}
returning existing_are_done as "areDone"
`,
);

/**
 * Counts the next 5,000 users that were there before the installation, each once. Run it inside a transaction.
 *
 * @returns whether more users may be left
 */
export async function countExistingUsers(db: Queryable): Promise<boolean> {
  const shape = z.object({ existingTo: z.string(), installedEvent: z.coerce.number() });
  const [progress] = readRows(shape, (await db.query(lockExisting)).rows);
  if (!progress) return false;
  const result = await db.query(addExisting(db), [progress.existingTo, progress.installedEvent]);
  return !readRow(z.object({ areDone: z.boolean() }), result.rows).areDone;
}

/**
 * The newest events are not in the counts yet. A reader adds at most so many of them: each takes five pages, and an api's
 * statement 1.5 s. While more are left, the counts end at an earlier time, and say so.
 */
const mostAddedByReader = 5_000;

const readMarks = `
select p.counted_to as "countedTo", now() as now, last.id as "lastId",
  (select at from rollcall.events where id = last.id) as "lastAt",
  exists (select from rollcall.events where id > last.id) as "hasMore"
from rollcall.activity_progress p
cross join lateral (
  select max(id) as id from (
    select id from rollcall.events where id > p.counted_to order by id limit ${mostAddedByReader}
  ) next
) last
`;

const marksRow = z.object({
  countedTo: z.coerce.number(),
  lastId: z.coerce.number().nullable(),
  lastAt: z.date().nullable(),
  hasMore: z.boolean(),
  now: z.date(),
});

type Marks = { countedTo: number; upToId: number; upTo: Date };

async function findMarks(db: Queryable): Promise<Marks> {
  const { rows } = await db.query(readMarks);
  const { countedTo, lastId, lastAt, hasMore, now } = readRow(marksRow, rows);
  return { countedTo, upToId: lastId ?? countedTo, upTo: (hasMore && lastAt) || now };
}

const sumOf = (kind: string) => `(sum(c.value) filter (where c.kind = '${kind}'))::int`;

const sums = `
    ${sumOf("sign_ups")} as sign_ups, ${sumOf("provisioned")} as provisioned, ${sumOf("deleted")} as deleted,
    ${sumOf("events")} as events
`;

const values = `
  coalesce(sign_ups, 0) as "signUps", coalesce(provisioned, 0) as provisioned, coalesce(deleted, 0) as deleted
`;

const counts = (since: string) => `
  select kind, at, value from rollcall.activity_counts
  where kind in ('sign_ups', 'provisioned', 'deleted', 'events') and at >= ${since}
  union all
  select kind, at, value from counted where at >= ${since}
`;

const growthByDay = perTables(
  (tables) => `
with ${eventCounts(tables)},
days as (
  select day::date from generate_series(
    (now() at time zone $4::text)::date - ($3::int - 1) * interval '1 day',
    (now() at time zone $4::text)::date::timestamp,
    interval '1 day'
  ) as day
),
found as (
  select (c.at at time zone $4::text)::date as day, ${sums}
  from (${counts("(select min(day)::timestamp at time zone $4::text from days)")}) c
  group by 1
)
select day::text, ${values} from days left join found using (day) order by day
`,
);

const dayRow = z.object({
  day: z.string(),
  signUps: z.number(),
  provisioned: z.number(),
  deleted: z.number(),
});

/**
 * Sign-ups, provisioned and deleted users by day, oldest first and up to today.
 *
 * @param zone in which days begin
 * @throws AppError `request.malformed` for a zone that Postgres does not know
 */
export async function readGrowth(
  db: Queryable,
  { days, zone }: { days: number; zone: string },
): Promise<{ items: GrowthDay[]; upTo: string }> {
  const { countedTo, upToId, upTo } = await findMarks(db);
  try {
    const result = await db.query(growthByDay(db), [countedTo, upToId, days, zone]);
    return { items: readRows(dayRow, result.rows), upTo: upTo.toISOString() };
  } catch (error) {
    if (readSqlState(error) !== invalidParameter) throw error;
    throw new AppError("request.malformed", "Postgres does not know the time zone", {
      hint: "zone: Postgres does not know this time zone",
    });
  }
}

const invalidParameter = "22023";

const growthByHour = perTables(
  (tables) => `
with ${eventCounts(tables)},
hours as (
  select hour from generate_series(
    date_trunc('hour', now(), 'UTC') - ($3::int - 1) * interval '1 hour', now(), interval '1 hour'
  ) as hour
),
found as (
  select date_trunc('hour', c.at, 'UTC') as hour, ${sums}
  from (${counts("(select min(hour) from hours)")}) c
  group by 1
)
select hour, ${values}, coalesce(events, 0) as events from hours left join found using (hour) order by hour
`,
);

const hourRow = dayRow
  .omit({ day: true })
  .extend({ hour: z.date().transform((date) => date.toISOString()), events: z.number() });

/** The same by hour, oldest first and up to the present hour. */
export async function readGrowthHours(
  db: Queryable,
  hours: number,
): Promise<{ items: GrowthHour[]; upTo: string }> {
  const { countedTo, upToId, upTo } = await findMarks(db);
  const result = await db.query(growthByHour(db), [countedTo, upToId, hours]);
  return { items: readRows(hourRow, result.rows), upTo: upTo.toISOString() };
}

const timesToProfile = perTables(
  (tables) => `
with ${eventCounts(tables)}
select (at at time zone 'UTC')::date::text as day, bucket, sum(value)::int as value
from (
  select kind, at, bucket, value from rollcall.activity_counts where kind = 'time_to_profile'
    and at >= ((now() at time zone 'UTC')::date - ($3::int - 1) * interval '1 day') at time zone 'UTC'
  union all
  select kind, at, bucket, value from counted where kind = 'time_to_profile'
) c
group by 1, 2 order by 1, 2
`,
);

const bucketRow = z.object({ day: z.string(), bucket: z.number(), value: z.number() });

/** Median and 95th percentile of the time from sign-up to the first profile, by UTC day; days without one are left out. */
export async function readTimesToProfile(
  db: Queryable,
  days: number,
): Promise<{ day: string; p50Ms: number; p95Ms: number; count: number }[]> {
  const { countedTo, upToId } = await findMarks(db);
  const rows = readRows(bucketRow, (await db.query(timesToProfile(db), [countedTo, upToId, days])).rows);
  return [...new Set(rows.map(({ day }) => day))].map((day) => {
    const buckets = rows.filter((row) => row.day === day);
    const count = buckets.reduce((total, { value }) => total + value, 0);
    return { day, p50Ms: findQuantile(buckets, 0.5), p95Ms: findQuantile(buckets, 0.95), count };
  });
}

/** @param buckets in ascending order */
function findQuantile(buckets: readonly { bucket: number; value: number }[], share: number): number {
  const total = buckets.reduce((sum, { value }) => sum + value, 0);
  let seen = 0;
  const found = buckets.find(({ value }) => {
    seen += value;
    return seen >= total * share;
  });
  return found ? Math.round(middleOf(found.bucket)) : 0;
}
