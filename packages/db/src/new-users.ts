import { z } from "zod";
import { hasInsertTrigger } from "./app-triggers.ts";
import { perUserKey } from "./made-keys.ts";
import type { Queryable } from "./pool.ts";
import {
  bindMetadata,
  createParameters,
  createProfiles,
  hasNearProfile,
  listInserted,
  type ProfileDefaults,
  type ProfileRequest,
} from "./profiles.ts";
import { quoteText, selectAs } from "./quote-name.ts";
import { readRows } from "./rows.ts";
import { isPartlyRead, type UserSnapshot } from "./user-columns.ts";
import { insertRows } from "./users.ts";

/**
 * The write for users that have no row, in one statement. It makes rows, profiles and events as applySnapshots and
 * giveProfiles would, and leaves every user alone for whom they might do anything else:
 *
 * - The insert takes no user that has a row, and leaves one alone that gets its row at this moment. Rows are locked in
 *   Clerk-id order, as in every other write.
 * - A user whose address a profile has, or a near one, gets its row alone. So does one whose profile the app makes now.
 *
 * The statement sees the state at its start. giveProfiles must not, because it may wait for a row. This statement never
 * changes a row that it waited for.
 *
 * Triggers of the app that run behind an insert run behind the whole statement. If there is one on the users, the statement
 * inserts no row: the trigger may make the profile itself, or change what decides about the profile.
 */
const inserts = perUserKey(({ users: u, profile }, newKey) => {
  // Separate state has tables of its own. Without profiles, or for columns that the table lacks, the write is as fast.
  if (u.isSeparate || !profile || u.name === undefined || u.imageUrl === undefined) return undefined;
  const { bind, each, list } = createParameters(2 + u.parameterCount);
  const metadata = bindMetadata(profile, each);
  const inserted = listInserted(profile, bind);
  const create = bind((_, defaults) => defaults.create);
  const madeKey = newKey.made === undefined ? ["", ""] : [`${u.id}, `, `${newKey.made}, `];
  const key = { column: madeKey[0] ?? "", value: madeKey[1] ?? "", override: "" };
  const { stored } = profile;
  const text = `
with released as (
  delete from rollcall.held_deletions where clerk_id = any ($3::text[])
),
written as (
  ${insertRows(u, key)}
  from ${u.snapshotRows(3)}
  where not ${hasInsertTrigger(quoteText(u.table))}
    -- Before the conflict, because each row that is tried draws a number for its key.
    and (select true from ${u.table} k where k.${u.clerkId} = s.clerk_id limit 1) is null
  order by s.clerk_id collate "C"
  on conflict (${u.clerkId}) do nothing
  returning ${selectAs("u", u.id, "id")}, u.${u.clerkId}::text as clerk_id, ${selectAs("u", u.name, "name")}, ${selectAs("u", u.email, "email")},
    ${selectAs("u", u.imageUrl, "image_url")}, u.${u.role}::text as role, ${selectAs("u", u.banned, "banned")}, u.clerk_created_at
),
due as materialized (
  select w.*${metadata.map(({ name }) => `, a.${name}`).join("")},
    ${hasNearProfile(profile, { id: "w.id", email: "w.email" })} as may_match
  from written w${metadata.length === 0 ? "" : joinMetadata(metadata)}
),
${createProfiles(profile, inserted, `${create}::boolean and not n.banned and n.role <> 'admin' and not n.may_match`)},
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details, notification_due_at)
  select n.clerk_id, 'user_created', $1::text, $2::text, '{}'::jsonb, null from due n
  union all
  select n.clerk_id, 'mentorado_created', $1::text, $2::text, jsonb_build_object('mentoradoId', ${stored.profile.store("c.id")}),
    -- As giveProfiles does: only for recent sign-ups.
    case when n.clerk_created_at > now() - interval '24 hours' then now() end
  from due n full join created c on c.user_id = n.id where (c.id is null) is false
)
select
  n.clerk_id as "clerkId",
  case
    when c.id is not null then 'created'
    when n.banned         then 'banned'
    when n.role = 'admin' then 'admin'
    when not (${create}::boolean or n.may_match) then 'not_made'
  end as outcome
from due n full join created c on c.user_id = n.id where (n.id is null) is false
`;
  return { name: `insert-new-users-${newKey.number}`, text, list };
});

/**
 * A full join, because a kept plan expects a few rows. It would compare each of 500 users with each of 500 others if it
 * could run the join as nested loops.
 */
function joinMetadata(metadata: readonly { name: string; value: string }[]): string {
  return `
  full join unnest($3::text[], ${metadata.map(({ value }) => value).join(", ")})
    as a (clerk_id, ${metadata.map(({ name }) => name).join(", ")}) on a.clerk_id = w.clerk_id
  where (w.id is null) is false`;
}

const insertedRow = z.object({
  clerkId: z.string(),
  /** Null for a user that got its row alone. */
  outcome: z.enum(["created", "banned", "admin", "not_made"]).nullable(),
});

export type InsertedUser = z.infer<typeof insertedRow>;

/** A user as the write needs it. */
export type NewUser = { snapshot: UserSnapshot; request: ProfileRequest };

/** Whether the user has only what the statement knows. */
function isPlain({ snapshot, request }: NewUser): boolean {
  const { secondaryEmails, similarEmails = [] } = request;
  return (
    !isPartlyRead(snapshot) && !snapshot.ignoresRole && secondaryEmails.length + similarEmails.length === 0
  );
}

/**
 * Inserts those of the users that have no row, with their profiles. Run it in an `inWriteTransaction`.
 *
 * @param users distinct ones of one origin
 * @returns the users that got their rows. Every other one must be written by applySnapshots and giveProfiles, and so must
 * each one without an outcome
 */
export async function insertNewUsers(
  db: Queryable,
  users: readonly NewUser[],
  defaults: ProfileDefaults,
): Promise<InsertedUser[]> {
  const statement = await inserts(db);
  const plain = users.filter(isPlain);
  const [first] = plain;
  if (!statement || !first) return [];
  const { name, text, list } = statement;
  const { cause, ref } = first.snapshot;
  const snapshots = plain.map(({ snapshot }) => snapshot);
  const requests = plain.map(({ request }) => request);
  const values = [cause, ref, ...db.tables.users.listParameters(snapshots), ...list(requests, defaults)];
  return readRows(insertedRow, (await db.query({ name, text, values })).rows);
}
