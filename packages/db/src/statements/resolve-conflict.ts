import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import { waitBrieflyForLocks } from "../lock-wait.ts";
import type { Queryable } from "../pool.ts";
import { judgeConflicts } from "./judge-conflicts.ts";
import { unlinkProfiles } from "./unlink-profiles.ts";

const lockConflict = `
select c.user_id as "userId", c.candidate_ids as "candidateIds", c.state, u.clerk_id as "clerkId",
       u.deleted_at is not null as "isDeleted", own.id as "ownId",
       own.id is not distinct from c.profile_id
         and md5(to_jsonb(own)::text) is not distinct from c.profile_fingerprint as "isUntouched"
from rollcall.conflicts c
join public.users u on u.id = c.user_id
left join public.mentorados own on own.user_id = u.id
where c.id = $1
for update of c, u
`;

const row = z.object({
  userId: z.number(),
  candidateIds: z.array(z.number()),
  state: z.string(),
  clerkId: z.string(),
  isDeleted: z.boolean(),
  ownId: z.number().nullable(),
  isUntouched: z.boolean(),
});

type OpenConflict = z.infer<typeof row>;

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

/** Leaves user and profiles as they are and closes the conflict. Run it inside a transaction. @returns the Clerk id */
export async function dismissConflict(db: Queryable, id: number, by: string): Promise<string> {
  const conflict = await getOpenConflict(db, id);
  await db.query(close, [id, "dismissed", by, conflict.clerkId, JSON.stringify({ conflictId: id })]);
  return conflict.clerkId;
}

/**
 * Gives the user one of the candidates. The fresh profile goes when nobody touched it; one that was used is
 * unlinked, and only with `discardProfile`. Run it inside a transaction.
 *
 * @returns the Clerk id
 * @throws AppError `conflict.unknown`, `conflict.closed`, `conflict.not_a_candidate`, `conflict.taken` or
 * `conflict.profile_touched`
 */
export async function linkCandidate(
  db: Queryable,
  id: number,
  choice: { mentoradoId: number; discardProfile: boolean; by: string },
): Promise<string> {
  const conflict = await getOpenConflict(db, id);
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
  await judgeConflicts(db, "admin", { userIds: [conflict.userId], candidateIds: [choice.mentoradoId] });
  return conflict.clerkId;
}

async function getOpenConflict(db: Queryable, id: number): Promise<OpenConflict> {
  await waitBrieflyForLocks(db);
  const result = await db.query(lockConflict, [id]);
  if (result.rows.length === 0) throw new AppError("conflict.unknown", "No such conflict");
  const conflict = row.parse(result.rows[0]);
  if (conflict.state !== "open") throw new AppError("conflict.closed", `The conflict is ${conflict.state}`);
  return conflict;
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
