import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";

const usersRow = z.object({ live: z.number(), held: z.number() });

/** The numbers of live users, and of live users whose deletion is held. */
export async function countUsers(db: Queryable): Promise<z.infer<typeof usersRow>> {
  const result = await db.query(
    `select
       (select count(*)::int from public.users where deleted_at is null) as live,
       (select count(*)::int from rollcall.held_deletions h
        join public.users u using (clerk_id) where u.deleted_at is null) as held`,
  );
  return readRow(usersRow, result.rows);
}

/** Whether there is a live user. */
export async function hasLiveUsers(db: Queryable): Promise<boolean> {
  const result = await db.query("select from public.users where deleted_at is null limit 1");
  return result.rows.length > 0;
}

const statesRow = z.object({ live: z.number(), banned: z.number(), deleted: z.number() });

/** The number of users in each state. It reads the whole table, so do not call it for each scrape. */
export async function countUsersByState(db: Queryable): Promise<z.infer<typeof statesRow>> {
  const result = await db.query(
    `select
       count(*) filter (where deleted_at is null and not banned)::int as live,
       count(*) filter (where deleted_at is null and banned)::int as banned,
       count(*) filter (where deleted_at is not null)::int as deleted
     from public.users`,
  );
  return readRow(statesRow, result.rows);
}

/** Deletions that wait for an operator. */
export function countHeldDeletions(db: Queryable): Promise<number> {
  return count(db, "select count(*)::int as count from rollcall.held_deletions");
}

/**
 * Listed open conflicts. A conflict whose user's row the app deleted is not listed, because only its end is missing.
 */
export function countOpenConflicts(db: Queryable): Promise<number> {
  return count(
    db,
    `select count(*)::int as count from rollcall.conflicts c join public.users u on u.id = c.user_id
     where c.state = 'open'`,
  );
}

/** Users that should have a profile and lack one. It reads both tables: half a second for a million users. */
export function countWithoutProfile(db: Queryable): Promise<number> {
  return count(
    db,
    `select count(*)::int as count from public.users u
     where u.deleted_at is null and not u.banned and u.role::text <> 'admin'
       and not exists (select from public.mentorados m where m.user_id = u.id)`,
  );
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
