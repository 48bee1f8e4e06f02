import { longestLockWaitMs, waitBrieflyForLocks } from "../lock-wait.ts";
import type { Queryable } from "../pool.ts";
import { evaluateConflicts } from "./evaluate-conflicts.ts";
import { holdsPerson } from "./holds-person.ts";
import { unlinkProfiles } from "./unlink-profiles.ts";

export type Deletion = {
  clerkId: string;
  /** Why we know: Clerk signed it; Clerk was asked and has no such user; or a person confirmed that answer. */
  by: "signature" | "absence" | "person";
  cause: string;
  ref: string | null;
};

// Also waits for whoever gives one of them a profile at this moment, which a weaker lock would let through unseen.
const lockUsers = `
select from public.users where clerk_id = any ($1::text[]) order by clerk_id collate "C" for update
`;

/** Erases the person from the row, and makes one for a user never seen, so that a late read cannot bring it. */
const deleteUsers = `
with before as materialized (
  select clerk_id, rollcall.fold_email(email::text) as folded_email
  from public.users where clerk_id = any ($1::text[]) and deleted_at is null
),
deleted as (
  insert into public.users as u (clerk_id, deleted_at)
  select b.clerk_id, now() from unnest($1::text[]) as b (clerk_id)
  order by b.clerk_id collate "C"
  on conflict (clerk_id) do update set
    deleted_at     = now(),
    email          = null,
    email_verified = false,
    name           = null,
    image_url      = null,
    updated_at     = now()
  where u.deleted_at is null
  returning u.id, u.clerk_id
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select b.clerk_id, 'user_tombstoned', a.cause, a.ref, jsonb_build_object('by', a.by)
  from deleted b
  join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (clerk_id, by, cause, ref) using (clerk_id)
)
select b.id as "userId", b.clerk_id as "clerkId", before.folded_email as "foldedEmail"
from deleted b left join before using (clerk_id)
`;

/** What the app left of the person in a row that it marked as deleted by itself; the mark stays as it is. */
const eraseLeftOvers = `
with erased as (
  update public.users u set
    email = null, email_verified = false, name = null, image_url = null, updated_at = now()
  where u.clerk_id = any ($1::text[]) and u.deleted_at is not null and ${holdsPerson}
  returning u.id, u.clerk_id
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select e.clerk_id, 'user_tombstoned', a.cause, a.ref, jsonb_build_object('by', a.by, 'wasDeleted', true)
  from erased e
  join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (clerk_id, by, cause, ref) using (clerk_id)
)
select id as "userId" from erased
`;

/**
 * Marks users as deleted for good, erases what else is left of them, and judges the conflicts again that this may
 * decide. Run it inside a transaction, and after what may be waited for longer than `longestWaitMs`. Ids must be
 * distinct.
 *
 * @returns the ids that were alive or unknown before; the others were marked as deleted already.
 */
export async function tombstoneUsers(
  db: Queryable,
  deletions: readonly Deletion[],
  longestWaitMs = longestLockWaitMs,
): Promise<Set<string>> {
  await waitBrieflyForLocks(db, longestWaitMs);
  const ids = deletions.map((deletion) => deletion.clerkId);
  await db.query(lockUsers, [ids]);
  const { rows: deleted } = await db.query<{ userId: number; clerkId: string; foldedEmail: string | null }>(
    deleteUsers,
    listColumns(deletions),
  );
  const living = new Set(deleted.map(({ clerkId }) => clerkId));
  const deadBefore = deletions.filter(({ clerkId }) => !living.has(clerkId));
  // The statement before holds their rows.
  const erased = await eraseEach(db, deadBefore);
  await unlinkProfiles(db, ids);
  await db.query("delete from rollcall.held_deletions where clerk_id = any ($1)", [ids]);
  await evaluateConflicts(db, deletions[0]?.cause ?? "delete", {
    userIds: [...deleted.map(({ userId }) => userId), ...erased],
    foldedEmails: deleted.flatMap(({ foldedEmail }) => foldedEmail ?? []),
  });
  return living;
}

/** @returns ids of the rows that held a person still */
async function eraseEach(db: Queryable, deletions: readonly Deletion[]): Promise<number[]> {
  if (deletions.length === 0) return [];
  const erased = await db.query<{ userId: number }>(eraseLeftOvers, listColumns(deletions));
  return erased.rows.map(({ userId }) => userId);
}

function listColumns(deletions: readonly Deletion[]) {
  return [
    deletions.map(({ clerkId }) => clerkId),
    deletions.map(({ by }) => by),
    deletions.map(({ cause }) => cause),
    deletions.map(({ ref }) => ref),
  ];
}
