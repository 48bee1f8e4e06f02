import { AppError, type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { z } from "zod";
import { lockAbsenceGuard, mayDeleteAbsent } from "./absences.ts";
import { evaluateConflicts } from "./conflicts.ts";
import { describeInsertedKey, failInsert, type NewKey, perUserKey } from "./made-keys.ts";
import { endMembershipsOf } from "./memberships.ts";
import type { Queryable } from "./pool.ts";
import { unlinkProfiles } from "./profiles.ts";
import { readRow, readRows } from "./rows.ts";
import { splitInSavepoints } from "./split-on-refusal.ts";
import type { Tables } from "./tables.ts";
import { longestLockWaitMs, waitBrieflyForLocks } from "./transaction.ts";
import { deleteStates, eraseStates, lockStates } from "./user-states.ts";

export type Deletion = {
  clerkId: string;
  /**
   * Why the user is deleted. Clerk lacks the user in each case. signature: a signed event led to the question. absence: no
   * event did, so the deletion counts against the guard. person: an operator confirmed it.
   */
  by: "signature" | "absence" | "person";
  cause: string;
  ref: string | null;
};

const deletionsOf = perUserKey((tables, newKey) => ({
  ...(tables.users.isSeparate
    ? {
        lockUsers: lockStates(tables, "update"),
        deleteUsers: deleteStates(tables, newKey.made),
        eraseMarked: eraseStates(tables),
      }
    : deleteRows(tables, newKey)),
  findUndeleted: findUndeletedIn(tables),
}));

const findUndeletedIn = ({ users: u }: Tables) => `
select from ${u.rows} u
where u.${u.clerkId} = any ($1::text[]) and (u.${u.deletedAt} is null or ${u.holdsPersonalData}) limit 1
`;

const deleteRows = ({ users: u }: Tables, newKey: NewKey, key = describeInsertedKey(u, newKey, "$1")) => ({
  // FOR UPDATE also waits for a transaction that gives one of these users a profile. A weaker lock would miss it.
  lockUsers: [
    `
select from ${u.table} where ${u.clerkId} = any ($1::text[]) order by ${u.clerkId} collate "C" for update
`,
  ],
  /** Makes a tombstone also for a user without a row, so that a late read cannot create the user. */
  deleteUsers: `
with before as materialized (
  select ${u.clerkId} as clerk_id, rollcall.fold_email(${u.email}::text) as folded_email
  from ${u.table} where ${u.clerkId} = any ($1::text[]) and ${u.deletedAt} is null
),
${key.known}deleted as (
  insert into ${u.table} as u (${key.column}${u.clerkId}, ${u.deletedAt}${u.insertedTimes})${key.override}
  select ${key.value}b.clerk_id, now()${u.insertedNow} from unnest($1::text[]) as b (clerk_id)${key.join}
  order by b.clerk_id collate "C"
  on conflict (${u.clerkId}) do update set ${u.deletedAt} = now(), ${u.erasedColumns}, ${u.updatedAt} = now()
  where u.${u.deletedAt} is null
  -- Only a row that this statement inserted has no xmax. Such a tombstone is pruned: see prune_unknown_tombstones.
  returning u.${u.id} as id, u.${u.clerkId} as clerk_id, u.xmax = 0 as is_unknown
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select d.clerk_id, 'user_tombstoned', a.cause, a.ref,
         jsonb_build_object('by', a.by) || case when d.is_unknown then '{"wasUnknown": true}' else '{}' end::jsonb
  from deleted d
  join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (clerk_id, by, cause, ref) using (clerk_id)
)
select d.id as "userId", d.clerk_id as "clerkId", d.is_unknown as "isUnknown", before.folded_email as "foldedEmail"
from deleted d left join before using (clerk_id)
`,
  /** Erases the personal data of rows that the app itself marked as deleted. Their `deleted_at` stays as it is. */
  eraseMarked: `
with erased as (
  update ${u.table} u set ${u.erasedColumns}, ${u.updatedAt} = now()
  where u.${u.clerkId} = any ($1::text[]) and u.${u.deletedAt} is not null and ${u.holdsPersonalData}
  returning u.${u.id} as id, u.${u.clerkId} as clerk_id
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select e.clerk_id, 'user_tombstoned', a.cause, a.ref, jsonb_build_object('by', a.by, 'wasDeleted', true)
  from erased e
  join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (clerk_id, by, cause, ref) using (clerk_id)
)
select id as "userId" from erased
`,
});

const userKey = z.union([z.number(), z.string()]);

const deletedRow = z.object({
  userId: userKey,
  clerkId: z.string(),
  isUnknown: z.boolean(),
  foldedEmail: z.string().nullable(),
});

/**
 * Turns users into tombstones for good: it erases the row, unlinks the profile, and evaluates the conflicts that this
 * may settle. Run it inside a transaction, and after any longer wait for other locks. Ids must be distinct.
 *
 * @returns for each id whether it was live or unknown before; the others were deleted already
 * @throws AppError `user.rejected` if a trigger of the app undoes the deletion, or an erasure in it
 */
export async function tombstoneUsers(
  db: Queryable,
  deletions: readonly Deletion[],
  longestWaitMs = longestLockWaitMs,
): Promise<Map<string, "live" | "unknown">> {
  await waitBrieflyForLocks(db, longestWaitMs);
  const ids = deletions.map((deletion) => deletion.clerkId);
  const { lockUsers, deleteUsers } = await deletionsOf(db);
  for (const lock of lockUsers) await db.query(lock, [ids]);
  const { rows } = await db.query(deleteUsers, listParameters(deletions)).catch(failInsert(db));
  const deleted = readRows(deletedRow, rows);
  const before = new Map(
    deleted.map(({ clerkId, isUnknown }) => [clerkId, isUnknown ? "unknown" : "live"] as const),
  );
  // The lock of the first statement covers these rows too.
  const erased = await eraseRemaining(
    db,
    deletions.filter(({ clerkId }) => !before.has(clerkId)),
  );
  await unlinkProfiles(db, ids);
  await refuseUndeleted(db, ids);
  await releaseDeletions(db, ids);
  const { cause = "delete", ref = null } = deletions[0] ?? {};
  await endMembershipsOf(db, "user", ids, { cause, ref });
  await evaluateConflicts(db, deletions[0]?.cause ?? "delete", {
    userIds: [...deleted.map(({ userId }) => userId), ...erased],
    foldedEmails: deleted.flatMap(({ foldedEmail }) => foldedEmail ?? []),
  });
  return before;
}

/** A trigger may discard an update without an error, or restore a value. The user would count as deleted and stay. */
async function refuseUndeleted(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  const { findUndeleted } = await deletionsOf(db);
  if ((await db.query(findUndeleted, [clerkIds])).rows.length === 0) return;
  throw new AppError("user.rejected", `A trigger of ${db.tables.users.label} undoes the deletion of a user`);
}

/** @returns ids of the rows that still held personal data */
async function eraseRemaining(db: Queryable, deletions: readonly Deletion[]): Promise<(number | string)[]> {
  if (deletions.length === 0) return [];
  const { eraseMarked } = await deletionsOf(db);
  const erased = await db.query(eraseMarked, listParameters(deletions));
  return readRows(z.object({ userId: userKey }), erased.rows).map(({ userId }) => userId);
}

function listParameters(deletions: readonly Deletion[]) {
  return [
    deletions.map(({ clerkId }) => clerkId),
    deletions.map(({ by }) => by),
    deletions.map(({ cause }) => cause),
    deletions.map(({ ref }) => ref),
  ];
}

/** Long enough for a short transaction that holds a row at this moment. */
const shortestWaitMs = 20;

/**
 * Deletes users inside a transaction, as `tombstoneUsers` does. A user whom the app's own rules protect, or whose row
 * another transaction keeps locked, fails alone. Each halving also halves the wait for locks. Finding one locked row
 * then takes twice the first wait instead of ten times, while others wait for the locks of this transaction.
 *
 * @returns the live users that were deleted, and those that Postgres refused to delete
 */
export async function tombstoneEach(
  db: Queryable,
  clerkIds: readonly string[],
  why: Omit<Deletion, "clerkId">,
): Promise<{ deleted: string[]; refused: { clerkId: string; code: ErrorCode }[] }> {
  const refused: { clerkId: string; code: ErrorCode }[] = [];
  const parts = await splitInSavepoints(
    db,
    clerkIds,
    async (ids, depth) => {
      const deletions = ids.map((clerkId) => ({ clerkId, ...why }));
      const waitMs = Math.max(shortestWaitMs, Math.floor(longestLockWaitMs / 2 ** depth));
      const deleted = await tombstoneUsers(db, deletions, waitMs);
      return [...deleted.keys()];
    },
    (clerkId, error) => {
      refused.push({ clerkId, code: readErrorCode(error) });
      return [];
    },
  );
  return { deleted: parts.flat(), refused };
}

/**
 * Deletes a user whom Clerk lacks, though Clerk signed no deletion. If too many users are absent, it holds the deletion
 * for an operator to confirm: see `mayDeleteAbsent`. Run it inside a transaction.
 */
export async function tombstoneAbsent(
  db: Queryable,
  absent: { clerkId: string; cause: string; ref: string | null },
): Promise<"tombstoned" | "deleted" | "held"> {
  await lockAbsenceGuard(db);
  if (!(await mayDeleteAbsent(db, 1))) {
    await holdDeletions(db, [absent.clerkId], absent);
    return "held";
  }
  const deleted = await tombstoneUsers(db, [{ ...absent, by: "absence" }]);
  return deleted.has(absent.clerkId) ? "tombstoned" : "deleted";
}

const hold = `
with held as (
  insert into rollcall.held_deletions (clerk_id)
  select clerk_id from unnest($1::text[]) as a (clerk_id) order by clerk_id collate "C"
  on conflict do nothing
  returning clerk_id
)
insert into rollcall.events (clerk_id, kind, cause, ref) select clerk_id, 'deletion_held', $2, $3 from held
`;

/** Holds deletions until an operator confirms them. */
export async function holdDeletions(
  db: Queryable,
  clerkIds: readonly string[],
  why: { cause: string; ref: string | null },
): Promise<void> {
  await db.query(hold, [clerkIds, why.cause, why.ref]);
}

/** Drops held deletions, because the users are deleted now, or because Clerk has them. */
export async function releaseDeletions(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  await db.query("delete from rollcall.held_deletions where clerk_id = any ($1::text[])", [clerkIds]);
}

/** Whether a deletion of this user waits for an operator. */
export async function isDeletionHeld(db: Queryable, clerkId: string): Promise<boolean> {
  const result = await db.query("select from rollcall.held_deletions where clerk_id = $1", [clerkId]);
  return result.rows.length > 0;
}

/**
 * Deletes the tombstones of users that had no row when they were deleted, after a day. Such an id mostly was never a
 * user's: Clerk's dashboard sends an example. The function's own rights are used, because a worker deletes no user's row.
 *
 * @returns their number
 */
export async function pruneUnknownTombstones(db: Queryable): Promise<number> {
  const result = await db.query("select rollcall.prune_unknown_tombstones() as pruned");
  return readRow(z.object({ pruned: z.number() }), result.rows).pruned;
}
