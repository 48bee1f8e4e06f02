import type { Queryable } from "../pool.ts";
import { roleFollowsClerk } from "./role-follows-clerk.ts";
import { listColumns, snapshotRows, type UserSnapshot } from "./user-snapshot.ts";

/**
 * First statement of the write. Inserts each user, or updates its row when the snapshot is newer: a later
 * `clerk_updated_at` or, on equal stamps, a later read ticket. Tombstones never change. Rows are taken in
 * Clerk-id order, so that overlapping batches cannot deadlock, and stay locked until the transaction ends,
 * also those whose WHERE was false.
 *
 * `updated_at` moves, and the timeline gets an event, only when something that people see changed; the order
 * marks always move.
 */
const sql = `
with released as (
  -- Clerk has them, so no deletion of theirs may wait for somebody to confirm it.
  delete from rollcall.held_deletions where clerk_id = any ($1::text[])
),
written as (
  insert into public.users as u (
    clerk_id, email, email_verified, name, image_url, role, role_source, banned,
    clerk_created_at, clerk_updated_at, read_ticket
  )
  select
    s.clerk_id, s.email, s.email_verified, s.name, s.image_url,
    -- The last branch is never taken: it gives the words the column's own type, which may be an enum of the app's.
    case when s.is_admin then 'admin' when not s.is_admin then 'user' else (select role from public.users limit 0) end,
    case when s.is_admin then 'clerk' end,
    s.banned, s.clerk_created_at, s.clerk_updated_at, s.read_ticket
  from ${snapshotRows}
  order by s.clerk_id collate "C"
  on conflict (clerk_id) do update set
    email            = excluded.email,
    email_verified   = excluded.email_verified,
    name             = excluded.name,
    image_url        = excluded.image_url,
    role             = case when ${roleFollowsClerk} then excluded.role else u.role end,
    role_source      = case when ${roleFollowsClerk} then excluded.role_source else u.role_source end,
    banned           = excluded.banned,
    clerk_created_at = excluded.clerk_created_at,
    clerk_updated_at = excluded.clerk_updated_at,
    read_ticket      = excluded.read_ticket,
    updated_at       = case
      when (u.email, u.email_verified, u.name, u.image_url, u.banned)
          is distinct from
          (excluded.email, excluded.email_verified, excluded.name, excluded.image_url, excluded.banned)
        or (${roleFollowsClerk} and u.role <> excluded.role)
      then now() else u.updated_at end
  where u.deleted_at is null
    and (excluded.clerk_updated_at, excluded.read_ticket)
      > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))
  returning u.clerk_id, u.created_at = now() as is_new, u.updated_at = now() as is_changed
)
insert into rollcall.events (clerk_id, kind, cause, ref)
select w.clerk_id, case when w.is_new then 'user_created' else 'user_updated' end, a.cause, a.ref
from written w join unnest($1::text[], $11::text[], $12::text[]) as a (clerk_id, cause, ref) using (clerk_id)
where w.is_changed
`;

/** Upserts `snapshots`, whose Clerk ids must be distinct: Postgres refuses one row twice in a statement. */
export async function applySnapshots(db: Queryable, snapshots: readonly UserSnapshot[]): Promise<void> {
  await db.query({
    name: "apply-snapshots",
    text: sql,
    values: [...listColumns(snapshots), snapshots.map(({ cause }) => cause), snapshots.map(({ ref }) => ref)],
  });
}
