import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";
import { perProfile, perTables } from "./tables.ts";

const usersRow = z.object({ live: z.number(), held: z.number() });

const countsOf = perTables(({ users: u }) => ({
  users: `
select
  (select count(*)::int from ${u.from} where ${u.deletedAt} is null) as live,
  (select count(*)::int from rollcall.held_deletions h
   join ${u.rows} u on u.${u.clerkId} = h.clerk_id where u.${u.deletedAt} is null) as held
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

/** The numbers of live users, and of live users whose deletion is held. */
export async function countUsers(db: Queryable): Promise<z.infer<typeof usersRow>> {
  return readRow(usersRow, (await db.query(countsOf(db).users)).rows);
}

/** Whether there is a live user. */
export async function hasLiveUsers(db: Queryable): Promise<boolean> {
  return (await db.query(countsOf(db).anyLive)).rows.length > 0;
}

const statesRow = z.object({ live: z.number(), banned: z.number(), deleted: z.number() });

/** The number of users in each state. It reads the whole table, so do not call it for each scrape. */
export async function countUsersByState(db: Queryable): Promise<z.infer<typeof statesRow>> {
  return readRow(statesRow, (await db.query(countsOf(db).states)).rows);
}

/** Deletions that wait for an operator. */
export function countHeldDeletions(db: Queryable): Promise<number> {
  return count(db, "select count(*)::int as count from rollcall.held_deletions");
}

/**
 * Listed open conflicts. A conflict whose user's row the app deleted is not listed, because only its end is missing.
 */
export function countOpenConflicts(db: Queryable): Promise<number> {
  const statements = profileCountsOf(db);
  return statements ? count(db, statements.openConflicts) : Promise.resolve(0);
}

/** Users that should have a profile and lack one. It reads both tables: half a second for a million users. */
export function countWithoutProfile(db: Queryable): Promise<number> {
  const statements = profileCountsOf(db);
  return statements ? count(db, statements.without) : Promise.resolve(0);
}

/** Changes that the incremental sync found within the last hour, and that webhooks should have reported. */
export function countMissedByWebhooks(db: Queryable): Promise<number> {
  return count(
    db,
    `select coalesce(sum(missed), 0)::int as count from rollcall.runs
     where mode = 'catch-up' and not dry_run and requested_at > now() - interval '1 hour'`,
  );
}

async function count(db: Queryable, sql: string): Promise<number> {
  return readRow(z.object({ count: z.number() }), (await db.query(sql)).rows).count;
}
