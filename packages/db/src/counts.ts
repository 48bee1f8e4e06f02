import { z } from "zod";
import { isTooSlow } from "./errors.ts";
import type { Pool, Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";
import { perProfile, perTables } from "./tables.ts";
import { inTransaction, readAtLength } from "./transaction.ts";

const heldRow = z.object({ held: z.number() });

const countsOf = perTables(({ users: u }) => ({
  held: `
select count(*)::int as held from rollcall.held_deletions h
join ${u.rows} u on u.${u.clerkId} = h.clerk_id where u.${u.deletedAt} is null
`,
  anyLive: `select from ${u.from} where ${u.deletedAt} is null limit 1`,
  states: `
select
  count(*) filter (where ${u.deletedAt} is null and not ${u.banned})::int as live,
  count(*) filter (where ${u.deletedAt} is null and ${u.banned})::int as banned,
  count(*) filter (where ${u.deletedAt} is not null)::int as deleted
from ${u.from}
`,
}));

const profileCountsOf = perProfile(({ table, link, stored }, { users: u }) => ({
  openConflicts: `select count(*)::int as count from rollcall.conflicts c join ${u.rows} u on u.${u.id} = ${stored.user.read(`c.${stored.userId}`)}
     where c.state = 'open'`,
  without: `select count(*)::int as count from ${u.rows} u
     where u.${u.deletedAt} is null and not u.${u.banned} and u.${u.role}::text <> 'admin'
       and not exists (select from ${table} m where m.${link} = u.${u.id})`,
}));

/** A longer count is kept and not repeated at each call: a statement of an api may take 1.5 s. */
const longCountMs = 1_000;

// A long count may take a twentieth of one connection's time.
const isRecent = `
select from rollcall.user_counts
where took_ms > ${longCountMs} and now() < counted_at + 20 * took_ms * interval '1 millisecond'
`;

const keep = `
insert into rollcall.user_counts as c (live, banned, deleted, without_profile, counted_at, took_ms)
values ($1, $2, $3, $4, now(), $5)
on conflict (only_row) do update set
  live = excluded.live, banned = excluded.banned, deleted = excluded.deleted, without_profile = excluded.without_profile,
  counted_at = excluded.counted_at, took_ms = excluded.took_ms
`;

/** Is kept as the number of users without a profile if their count was ended by its limit. */
const unknownNumber = -1;

/** It takes longest, and is for operators alone. So it fails alone: the comparison with Clerk needs the others. */
async function countLacking(client: Queryable): Promise<number> {
  const without = profileCountsOf(client)?.without;
  if (without === undefined) return 0;
  await client.query("savepoint lacking");
  try {
    return readRow(countRow, (await readAtLength(client, without)).rows).count;
  } catch (error) {
    if (!isTooSlow(error)) throw error;
    await client.query("rollback to savepoint lacking");
    return unknownNumber;
  }
}

/**
 * Counts the users, and keeps the numbers for `countUsersByState` and `countWithoutProfile`. It reads whole tables. If that
 * takes more than a second, it is due again only after 20 times as long.
 *
 * @returns live users, banned ones included, and those among them whose deletion is held; undefined while it is not due
 */
export function countUsersWhenDue(pool: Pool): Promise<{ live: number; held: number } | undefined> {
  return inTransaction(pool, async (client) => {
    if ((await client.query(isRecent)).rows.length > 0) return undefined;
    const startedAtMs = performance.now();
    const { states, held } = countsOf(client);
    const { live, banned, deleted } = readRow(statesRow, (await readAtLength(client, states)).rows);
    const counted = readRow(heldRow, (await readAtLength(client, held)).rows);
    const withoutProfile = await countLacking(client);
    const tookMs = Math.round(performance.now() - startedAtMs);
    await client.query(keep, [live, banned, deleted, withoutProfile, tookMs]);
    return { live: live + banned, held: counted.held };
  });
}

// A size and no estimate of rows: a table that was never analysed has none.
const readKept = `
select c.live, c.banned, c.deleted, c.without_profile as "withoutProfile", c.counted_at as "countedAt", c.took_ms as "tookMs",
  pg_relation_size(to_regclass($1)) as bytes
from (select) as always left join rollcall.user_counts c on true
`;

const keptRow = z.object({
  live: z.number(),
  banned: z.number(),
  deleted: z.number(),
  withoutProfile: z.number().transform((number) => (number === unknownNumber ? undefined : number)),
  countedAt: z.date().transform((date) => date.toISOString()),
});

const tookRow = z.object({ tookMs: z.number().nullable(), bytes: z.coerce.number().nullable() });

/** About a million users. A statement of an api would be ended by its limit, at each call anew. */
const largeTableBytes = 256 * 1_024 ** 2;

/** `largeBytes`: a table above it is not counted before an incremental sync did. */
export type CountOptions = { largeBytes?: number };

/** The kept numbers, if counting takes long; `unknown` while there are none for a large table. */
async function findKept(
  db: Queryable,
  { largeBytes = largeTableBytes }: CountOptions,
): Promise<z.infer<typeof keptRow> | "unknown" | undefined> {
  const { rows } = await db.query(readKept, [db.tables.users.table]);
  const { tookMs, bytes } = readRow(tookRow, rows);
  if (tookMs === null) return (bytes ?? 0) > largeBytes ? "unknown" : undefined;
  return tookMs > longCountMs ? readRow(keptRow, rows) : undefined;
}

/** Whether there is a live user. */
export async function hasLiveUsers(db: Queryable): Promise<boolean> {
  return (await db.query(countsOf(db).anyLive)).rows.length > 0;
}

const statesRow = z.object({ live: z.number(), banned: z.number(), deleted: z.number() });

/**
 * The number of users in each state. Where counting takes long, it is the one that the incremental sync kept.
 *
 * @returns `countedAt` is null for numbers of this moment. Undefined while no number of a large table is kept
 */
export async function countUsersByState(
  db: Queryable,
  options: CountOptions = {},
): Promise<(z.infer<typeof statesRow> & { countedAt: string | null }) | undefined> {
  const kept = await findKept(db, options);
  if (kept === "unknown") return undefined;
  if (kept) {
    const { live, banned, deleted, countedAt } = kept;
    return { live, banned, deleted, countedAt };
  }
  return { ...readRow(statesRow, (await db.query(countsOf(db).states)).rows), countedAt: null };
}

const heldOf = perTables(({ organizations }) => {
  const states = organizations ? ["organization_states", "membership_states"] : [];
  const ofStates = states.map(
    (table) => `+ (select count(*) from rollcall.${table} where held_at is not null)`,
  );
  return `select ((select count(*) from rollcall.held_deletions) ${ofStates.join(" ")})::int as count`;
});

/** Deletions that wait for an operator, ends of organizations and memberships included. */
export function countHeldDeletions(db: Queryable): Promise<number> {
  return count(db, heldOf(db));
}

/**
 * Listed open conflicts. A conflict whose user's row the app deleted is not listed, because only its end is missing.
 */
export function countOpenConflicts(db: Queryable): Promise<number> {
  const statements = profileCountsOf(db);
  return statements ? count(db, statements.openConflicts) : Promise.resolve(0);
}

/**
 * Users that should have a profile and lack one. Where counting takes long, it is the number that was kept.
 *
 * @returns undefined while no number of a large table is kept, and if its count was ended by its limit
 */
export async function countWithoutProfile(
  db: Queryable,
  options: CountOptions = {},
): Promise<number | undefined> {
  const statements = profileCountsOf(db);
  if (!statements) return 0;
  const kept = await findKept(db, options);
  if (kept === "unknown") return undefined;
  return kept ? kept.withoutProfile : count(db, statements.without);
}

/** Changes that the incremental sync found within the last hour, and that webhooks should have reported. */
export function countMissedByWebhooks(db: Queryable): Promise<number> {
  return count(
    db,
    `select coalesce(sum(missed), 0)::int as count from rollcall.runs
     where mode = 'catch-up' and not dry_run and requested_at > now() - interval '1 hour'`,
  );
}

const countRow = z.object({ count: z.number() });

async function count(db: Queryable, sql: string): Promise<number> {
  return readRow(countRow, (await db.query(sql)).rows).count;
}
