import { AppError, type RowKey, rowKey } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { selectAs } from "./quote-name.ts";
import { readRow, readRows } from "./rows.ts";
import type { User } from "./schema.ts";
import { perProfile, perTables } from "./tables.ts";
import { personalProperties } from "./user-columns.ts";

const rowsOf = perTables(({ users: u }) => ({
  lockUser: `
select u.${u.id} as id, u.${u.deletedAt} is not null and not ${u.holdsPersonalData} as "isTombstone"
from ${u.table} u where u.${u.clerkId} = $1 for update
`,
  countUnerased: `
select count(*)::int as count from ${u.table} u where u.${u.deletedAt} is not null and ${u.holdsPersonalData}
`,
}));

const userRow = z.object({ id: rowKey, isTombstone: z.boolean() });

const profilesOf = perProfile(({ table, id, link, keyType, stored, erased }) => {
  const erasure = erased("$2::text");
  const { readAll } = stored.profile;
  return {
    // A profile that has a user now belongs to that user alone.
    lock: `
select ${selectAs("m", id, "id")}, f.clerk_id is not null as "wasTheirs"
from ${table} m
left join rollcall.former_profiles f on ${stored.profile.read(`f.${stored.formerId}`)} = m.${id} and f.clerk_id = $1
where m.${link} is null and (
  f.clerk_id is not null
  or m.${id} in (select unnest(${readAll(`c.${stored.candidateIds}`)}) from rollcall.conflicts c where c.${stored.userId} = $2)
)
order by m.${id}
for update of m
`,
    /** Undefined when the mapping fills no column with personal data. */
    erase: erasure && {
      text: `
update ${table} set ${erasure.assignments}
where ${id} = any ($1::${keyType}[])
returning ${erasure.isErased} as "isErased"
`,
      usesName: erasure.usesName,
    },
    /** A reason is text that an operator typed. A fingerprint was made of a name and an address. */
    eraseTraces: `
with reasons as (
  update rollcall.events set details = details - 'reason' where clerk_id = $1 and details ? 'reason' returning id
),
fingerprints as (
  update rollcall.conflicts set profile_fingerprint = null
  where ${stored.userId} = $2 and profile_fingerprint is not null returning id
)
select (select count(*) from reasons)::int as reasons, (select count(*) from fingerprints)::int as fingerprints
`,
  };
});

const profileRow = z.object({ id: rowKey, wasTheirs: z.boolean() });
const erasedRow = z.object({ isErased: z.boolean() });

/** The column must have a value, and the app's data refers to the row. */
const erasedName = "Removed";

/** Without profiles there is no fingerprint, and the key may be of a type that no conflict has. */
const eraseReasons = `
with reasons as (
  update rollcall.events set details = details - 'reason' where clerk_id = $1 and details ? 'reason' returning id
)
select count(*)::int as reasons from reasons
`;

const reasonsRow = z.object({ reasons: z.number() });
const tracesRow = z.object({ reasons: z.number(), fingerprints: z.number() });

export type Erasure = {
  /** Profiles whose name, email and photo are gone. */
  erased: RowKey[];
  /** Profiles that were the user's and were left as they are. */
  kept: RowKey[];
  /** Profiles without a user that once matched this one. They may describe another person and were left as they are. */
  candidates: RowKey[];
  /** The numbers of texts of operators, and of hashes over profiles, that are gone. */
  reasons: number;
  fingerprints: number;
};

/**
 * Erases the remaining data of a deleted user: name, email and photo of the user's former profiles, and text that
 * operators typed. Run it inside a transaction.
 *
 * @param wish candidates that describe the user too, and whether the user's former profiles stay as they are
 * @throws AppError `user.unknown`, `user.not_deleted`, `request.malformed` for a profile that is no candidate, or
 * `user.rejected` if a trigger of the app undoes the erasure
 */
export async function erasePerson(
  db: Queryable,
  clerkId: string,
  wish: { candidates: readonly RowKey[]; keepProfile: boolean },
): Promise<Erasure> {
  const [user] = readRows(userRow, (await db.query(rowsOf(db).lockUser, [clerkId])).rows);
  if (!user) throw new AppError("user.unknown", "No row has this Clerk id");
  if (!user.isTombstone)
    throw new AppError("user.not_deleted", "The user's row is no tombstone: it holds personal data");
  const statements = profilesOf(db);
  if (!statements) {
    const { reasons } = readRow(reasonsRow, (await db.query(eraseReasons, [clerkId])).rows);
    return { erased: [], kept: [], candidates: [], reasons, fingerprints: 0 };
  }
  const profiles = readRows(profileRow, (await db.query(statements.lock, [clerkId, user.id])).rows);
  const theirs = profiles.flatMap(({ id, wasTheirs }) => (wasTheirs ? [id] : []));
  const candidates = profiles.flatMap(({ id, wasTheirs }) => (wasTheirs ? [] : [id]));
  const stranger = wish.candidates.find((id) => !candidates.includes(id));
  if (stranger !== undefined) {
    const hint = `${db.tables.profile?.name} ${stranger} has a user, or never matched this one`;
    throw new AppError("request.malformed", "The profile is no candidate", { hint });
  }
  const erased = [...(wish.keepProfile ? [] : theirs), ...wish.candidates];
  const { erase, eraseTraces } = statements;
  if (erase) {
    const { rows } = await db.query(erase.text, erase.usesName ? [erased, erasedName] : [erased]);
    // A trigger may discard the update without an error, or restore a value.
    if (readRows(erasedRow, rows).filter(({ isErased }) => isErased).length < new Set(erased).size)
      throw new AppError("user.rejected", `A trigger of ${db.tables.profile?.label} undoes the erasure`);
  }
  const traces = readRow(tracesRow, (await db.query(eraseTraces, [clerkId, user.id])).rows);
  return {
    ...traces,
    erased,
    kept: wish.keepProfile ? theirs : [],
    candidates: candidates.filter((id) => !wish.candidates.includes(id)),
  };
}

/**
 * Whether the rows are those of a tombstone of ours, which holds no personal data. The app may also set `deleted_at`.
 * It erases nothing then, and Clerk may still have the user.
 */
export function isErased({ user, mentorado }: { user: User; mentorado: object | null }): boolean {
  return (
    user.deletedAt !== null &&
    mentorado === null &&
    personalProperties.every((property) => user[property] === null)
  );
}

const countRow = z.object({ count: z.number() });

/** The number of rows with `deleted_at` that hold personal data, because the app set `deleted_at` by itself. */
export async function countUnerased(db: Queryable): Promise<number> {
  const result = await db.query(rowsOf(db).countUnerased);
  return readRow(countRow, result.rows).count;
}
