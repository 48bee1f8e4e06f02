import { AppError } from "@rollcall/contracts";
import { readSqlState } from "../errors.ts";
import type { Queryable } from "../pool.ts";
import { evaluateConflicts } from "./evaluate-conflicts.ts";
import { lockOpenConflict, type OpenConflict } from "./lock-conflict.ts";
import { unlinkProfiles } from "./unlink-profiles.ts";

const link = `
update public.mentorados set user_id = $2, linked_at = now(), ativo = 'sim', updated_at = now()
where id = $1 and user_id is null
returning id
`;

const close = `
with closed as (
  update rollcall.conflicts set state = $2, closed_at = now(), closed_by = $3 where id = $1
)
insert into rollcall.events (clerk_id, kind, cause, ref, details) values ($4, 'conflict_' || $2, 'admin', $3, $5)
`;

/**
 * Leaves user and profiles as they are and closes the conflict. Run it inside a transaction.
 *
 * @returns the Clerk id
 * @throws AppError `conflict.unknown`, `conflict.closed` or `conflict.busy`
 */
export function dismissConflict(db: Queryable, id: number, by: string): Promise<string> {
  return refuseWhenLocked(dismiss(db, id, by));
}

/**
 * Gives the user one of the candidates. The fresh profile goes when nobody touched it; one that was used is
 * unlinked, and only with `discardProfile`. Run it inside a transaction.
 *
 * @returns the Clerk id
 * @throws AppError `conflict.unknown`, `conflict.closed`, `conflict.not_a_candidate`, `conflict.taken`,
 * `conflict.profile_touched`, or `conflict.busy` when the app keeps the user or a profile locked
 */
export function linkCandidate(db: Queryable, id: number, choice: Choice): Promise<string> {
  return refuseWhenLocked(linkChosen(db, id, choice));
}

type Choice = { mentoradoId: number; discardProfile: boolean; by: string };

const lockNotAvailable = "55P03";

async function refuseWhenLocked<T>(decided: Promise<T>): Promise<T> {
  try {
    return await decided;
  } catch (error) {
    if (readSqlState(error) !== lockNotAvailable) throw error;
    throw new AppError("conflict.busy", "Somebody keeps the user or a profile locked", { cause: error });
  }
}

async function dismiss(db: Queryable, id: number, by: string): Promise<string> {
  const conflict = await lockOpenConflict(db, id);
  await db.query(close, [id, "dismissed", by, conflict.clerkId, JSON.stringify({ conflictId: id })]);
  return conflict.clerkId;
}

async function linkChosen(db: Queryable, id: number, choice: Choice): Promise<string> {
  const conflict = await lockOpenConflict(db, id, choice.mentoradoId);
  if (conflict.isDeleted) throw new AppError("conflict.closed", "The conflict's user is deleted");
  if (!conflict.candidateIds.includes(choice.mentoradoId)) {
    throw new AppError("conflict.not_a_candidate", "The chosen profile is not a candidate");
  }
  if (conflict.ownId !== null && conflict.ownId !== choice.mentoradoId) {
    await partWithProfile(db, conflict.ownId, conflict, choice.discardProfile);
  }
  const linked = await db.query(link, [choice.mentoradoId, conflict.userId]);
  if (linked.rows.length === 0) throw new AppError("conflict.taken", "The chosen profile has a user");
  const details = JSON.stringify({ conflictId: id, mentoradoId: choice.mentoradoId });
  await db.query(close, [id, "resolved", choice.by, conflict.clerkId, details]);
  await evaluateConflicts(db, "admin", { userIds: [conflict.userId], candidateIds: [choice.mentoradoId] });
  return conflict.clerkId;
}

async function partWithProfile(
  db: Queryable,
  profileId: number,
  conflict: OpenConflict,
  discard: boolean,
): Promise<void> {
  if (conflict.isUntouched && !(await isReferenced(db, profileId))) {
    await db.query("delete from public.mentorados where id = $1", [profileId]);
    return;
  }
  if (!discard) throw new AppError("conflict.profile_touched", "The user's present profile was used");
  await unlinkProfiles(db, [conflict.clerkId]);
}

const referencingColumns = `
select c.conrelid::regclass::text as "table", quote_ident(a.attname) as "column"
from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.contype = 'f' and c.confrelid = 'public.mentorados'::regclass
`;

/** Whether the app hung anything on the profile: deleting it would take that along, or fail. */
async function isReferenced(db: Queryable, profileId: number): Promise<boolean> {
  const found = await db.query<{ table: string; column: string }>(referencingColumns);
  for (const { table, column } of found.rows) {
    const rows = await db.query(`select from ${table} where ${column} = $1 limit 1`, [profileId]);
    if (rows.rows.length > 0) return true;
  }
  return false;
}
