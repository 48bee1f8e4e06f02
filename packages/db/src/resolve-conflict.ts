import { AppError, type Hint, type RowKey, rowKey } from "@rollcall/contracts";
import { z } from "zod";
import { evaluateConflicts } from "./conflicts.ts";
import { describeChange } from "./describe-change.ts";
import { readSqlState } from "./errors.ts";
import type { Queryable } from "./pool.ts";
import type { ProfileTable } from "./profile-columns.ts";
import { unlinkProfiles } from "./profiles.ts";
import { readRows } from "./rows.ts";
import { perProfile } from "./tables.ts";
import { waitBrieflyForLocks } from "./transaction.ts";

/**
 * Leaves user and profiles as they are and closes the conflict. Run it inside a transaction.
 *
 * @returns the Clerk id
 * @throws AppError `conflict.unknown`, `conflict.closed` or `conflict.busy`
 */
export function dismissConflict(db: Queryable, id: number, by: string): Promise<string> {
  return refuseIfLocked(dismiss(db, id, by));
}

/**
 * Gives the user one of the candidates. An untouched fresh profile is deleted. A used one is unlinked, and only with
 * `discardProfile`. Run it inside a transaction.
 *
 * @returns the Clerk id
 * @throws AppError `conflict.unknown`, `conflict.closed`, `conflict.not_a_candidate`, `conflict.taken`,
 * `conflict.profile_touched`, or `conflict.busy` if another transaction keeps the user or a profile locked
 */
export function linkCandidate(db: Queryable, id: number, choice: Choice): Promise<string> {
  return refuseIfLocked(linkChosen(db, id, choice));
}

type Choice = { mentoradoId: RowKey; discardProfile: boolean; by: string };

const lockNotAvailable = "55P03";

async function refuseIfLocked<T>(decided: Promise<T>): Promise<T> {
  try {
    return await decided;
  } catch (error) {
    if (readSqlState(error) !== lockNotAvailable) throw error;
    throw new AppError("conflict.busy", "Another transaction keeps the user or a profile locked", {
      cause: error,
    });
  }
}

const close = `
with closed as (
  update rollcall.conflicts set state = $2, closed_at = now(), closed_by = $3 where id = $1
)
insert into rollcall.events (clerk_id, kind, cause, ref, details) values ($4, 'conflict_' || $2, 'admin', $3, $5)
`;

async function dismiss(db: Queryable, id: number, by: string): Promise<string> {
  const conflict = await lockOpenConflict(db, id);
  await db.query(close, [id, "dismissed", by, conflict.clerkId, JSON.stringify({ conflictId: id })]);
  return conflict.clerkId;
}

function linkOne({ table, id, link, relinked, isDefault }: ProfileTable): string {
  const update = `
update ${table} set ${link} = $2, ${relinked}
where ${id} = $1 and ${link} is null
returning ${id}
`;
  if (isDefault) return update;
  return `
with linked as (${update}),
claimed as (
  insert into rollcall.claimed_profiles (profile_key) select ${id}::text from linked on conflict do nothing
)
select from linked
`;
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
  const linked = await db.query(statementsOf(db).link, [choice.mentoradoId, conflict.userId]);
  if (linked.rows.length === 0) throw new AppError("conflict.taken", "The chosen profile has a user");
  const details = JSON.stringify({ conflictId: id, mentoradoId: choice.mentoradoId });
  await db.query(close, [id, "resolved", choice.by, conflict.clerkId, details]);
  await evaluateConflicts(db, "admin", { userIds: [conflict.userId], candidateIds: [choice.mentoradoId] });
  return conflict.clerkId;
}

async function partWithProfile(
  db: Queryable,
  profileId: RowKey,
  conflict: OpenConflict,
  discard: boolean,
): Promise<void> {
  if (conflict.isUntouched && !(await isReferenced(db, profileId))) {
    await db.query(statementsOf(db).remove, [profileId]);
    return;
  }
  if (!discard) throw new AppError("conflict.profile_touched", "The user's present profile was used");
  await unlinkProfiles(db, [conflict.clerkId]);
}

/** Whether a row of the app references the profile. Deleting the profile would delete that row too, or fail. */
async function isReferenced(db: Queryable, profileId: RowKey): Promise<boolean> {
  const { references, isReferencedBy } = statementsOf(db);
  const found = await db.query<Reference>(references);
  for (const reference of found.rows) {
    const rows = await db.query(isReferencedBy(reference), [profileId]);
    if (rows.rows.length > 0) return true;
  }
  return false;
}

/** A foreign key into the table of the profiles. `matches` compares its columns in a row `r` with those of a profile `m`. */
type Reference = { table: string; matches: string };

const resolutionsOf = perProfile((profile, { users: u }) => {
  const { table, literal, id, link, stored } = profile;
  const userId = stored.user.read(`c.${stored.userId}`);
  const readConflict = `
select c.${stored.userId} as "userId", c.${stored.candidateIds} as "candidateIds", c.state, u.${u.clerkId} as "clerkId",
       u.${u.deletedAt} is not null as "isDeleted", own.${id} as "ownId",
       ${stored.profile.store(`own.${id}`)} is not distinct from c.${stored.profileId}
         and md5(to_jsonb(own.*)::text) is not distinct from c.profile_fingerprint as "isUntouched",
       c.closed_at as "closedAt", c.closed_by as "closedBy"
from rollcall.conflicts c
left join ${u.table} u on u.${u.id} = ${userId}
left join ${table} own on own.${link} = u.${u.id}
where c.id = $1
`;
  return {
    /**
     * Rows are locked in the order of the write: user, profiles, conflicts. Each lock is a statement of its own, so the
     * next statement's snapshot shows the rows as they are after the wait. FOR UPDATE also blocks new references to these
     * rows: a profile that the app gives the user, or rows of the app that refer to the profile.
     */
    lockUser: `
select from ${u.table} u
where u.${u.id} = (select ${userId} from rollcall.conflicts c where c.id = $1)
for update of u
`,
    lockProfiles: `
select from ${table} m
where m.${link} = (select ${userId} from rollcall.conflicts c where c.id = $1) or (m.${id} = $2 and m.${link} is null)
order by m.${id}
for update of m
`,
    readConflict,
    lockConflict: `${readConflict} for update of c`,
    link: linkOne(profile),
    remove: `delete from ${table} where ${id} = $1`,
    // A key may have several columns, such as a tenant's id in front, or refer to another column than the key.
    references: `
select c.conrelid::regclass::text as "table", string_agg(format('r.%I = m.%I', a.attname, p.attname), ' and ') as matches
from pg_constraint c
cross join unnest(c.conkey, c.confkey) as k (referring, referred)
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.referring
join pg_attribute p on p.attrelid = c.confrelid and p.attnum = k.referred
where c.contype = 'f' and c.confrelid = ${literal}::regclass
group by c.oid
`,
    isReferencedBy: (reference: Reference) => `
select from ${table} m join ${reference.table} r on ${reference.matches} where m.${id} = $1 limit 1
`,
  };
});

/** @throws AppError `conflict.unknown` without profiles, because then no conflict exists */
function statementsOf(db: Queryable) {
  const statements = resolutionsOf(db);
  if (!statements) throw new AppError("conflict.unknown", "This app has no profiles");
  return statements;
}

const conflictRow = z.object({
  userId: rowKey,
  candidateIds: z.array(rowKey),
  state: z.string(),
  /** Null if the app deleted the user's row. */
  clerkId: z.string().nullable(),
  isDeleted: z.boolean(),
  ownId: rowKey.nullable(),
  isUntouched: z.boolean(),
  closedAt: z.date().nullable(),
  closedBy: z.string().nullable(),
});

type OpenConflict = z.infer<typeof conflictRow> & { clerkId: string };

const ends: Record<string, Readonly<Record<"pt-BR" | "en", string>>> = {
  resolved: { "pt-BR": "um dos candidatos foi ligado ao usuário", en: "a candidate was linked to the user" },
  dismissed: { "pt-BR": "o conflito foi dispensado", en: "the conflict was dismissed" },
};

/** Which operator decided, or that nothing was left to decide. */
function describeEnd({
  state,
  closedAt,
  closedBy,
}: Pick<z.infer<typeof conflictRow>, "state" | "closedAt" | "closedBy">): Hint {
  const end = ends[state];
  if (end && closedAt) return describeChange({ by: closedBy, at: closedAt }, end);
  return { "pt-BR": "não restou nada a decidir", en: "nothing was left to decide" };
}

/**
 * What linking a candidate would do to the user's present profile. none: there is none. deleted: it was made
 * meanwhile and never used. unlinked: it was used.
 */
export async function readPresentProfile(
  db: Queryable,
  id: number,
): Promise<{ id: RowKey | null; becomes: "none" | "deleted" | "unlinked" }> {
  const [found] = readRows(conflictRow, (await db.query(statementsOf(db).readConflict, [id])).rows);
  if (!found || found.ownId === null) return { id: null, becomes: "none" };
  const isUnused = found.isUntouched && !(await isReferenced(db, found.ownId));
  return { id: found.ownId, becomes: isUnused ? "deleted" : "unlinked" };
}

/**
 * Locks an open conflict and its user. With a candidate it also locks the candidate and the user's present profile. The
 * result holds until the transaction ends.
 *
 * @throws AppError `conflict.unknown` or `conflict.closed`; SQLSTATE 55P03 if a row stays locked
 */
async function lockOpenConflict(db: Queryable, id: number, candidateId?: RowKey): Promise<OpenConflict> {
  await waitBrieflyForLocks(db);
  const statements = statementsOf(db);
  await db.query(statements.lockUser, [id]);
  if (candidateId !== undefined) await db.query(statements.lockProfiles, [id, candidateId]);
  const [found] = readRows(conflictRow, (await db.query(statements.lockConflict, [id])).rows);
  if (!found) throw new AppError("conflict.unknown", "No such conflict");
  const { clerkId, ...conflict } = found;
  if (conflict.state !== "open")
    throw new AppError("conflict.closed", `The conflict is ${conflict.state}`, {
      hint: describeEnd(conflict),
    });
  if (clerkId === null) throw new AppError("conflict.closed", "The conflict's user has no row any more");
  return { ...conflict, clerkId };
}
