import { type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { z } from "zod";
import { lockAbsenceGuard, mayDeleteAbsentOf } from "./absences.ts";
import { findKeyMaker } from "./made-keys.ts";
import {
  type EndReason,
  fromMs,
  type MembershipSnapshot,
  type OrganizationTables,
} from "./organization-columns.ts";
import type { Queryable } from "./queryable.ts";
import { readRow, readRows } from "./rows.ts";
import { splitInSavepoints } from "./split-on-refusal.ts";
import { perOrganizations, type Tables } from "./tables.ts";
import { waitBrieflyForLocks } from "./transaction.ts";
import { stateTable } from "./user-rows.ts";

/** The organization and the user of a membership. */
export type Pair = { clerkOrgId: string; clerkId: string };

/** Makes the states that are missing, and locks all of them by organization and user. The condition is false. */
const claim = `
insert into rollcall.membership_states as t (clerk_org_id, clerk_id)
select o, u from unnest($1::text[], $2::text[]) as a (o, u) order by o collate "C", u collate "C"
on conflict (clerk_org_id, clerk_id) do update set held_at = t.held_at where t.clerk_id <> excluded.clerk_id
`;

/** Neither may end while a membership is written. Many writes hold the locks at once. */
const lockOwners = ({ users: u }: Tables) => {
  const [table, column] = u.isSeparate ? [stateTable, "clerk_id"] : [u.table, u.clerkId];
  return {
    users: `select ${column}::text as id from ${table} where ${column} = any ($1::text[]) order by ${column} collate "C" for share`,
    organizations: `
select clerk_org_id as id from rollcall.organization_states where clerk_org_id = any ($1::text[]) order by clerk_org_id collate "C" for share
`,
  };
};

/** Rows `a` of memberships in the parameters of `listMembershipValues`. */
export const membershipRows = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::bigint[], $8::text[], $9::text[])
    as a (clerk_org_id, clerk_id, membership_id, role, created_ms, updated_ms, read_ticket, cause, ref)`;

/**
 * Whether a read `k` of a pair is newer than its state `t`. A user who joins again has another membership, whose creation is
 * later. With equal or unreadable creations the later read is newer. Of one membership, the rule of users holds, and its end
 * is final.
 */
export const isNewerMembership = `case
    when t.membership_id is null then t.deleted_at is null or k.read_ticket > coalesce(t.read_ticket, 0)
    when t.membership_id = k.membership_id then t.deleted_at is null
      and (coalesce(k.clerk_updated_at, '-infinity'), k.read_ticket)
        > (coalesce(t.clerk_updated_at, '-infinity'), coalesce(t.read_ticket, 0))
    when k.clerk_created_at <> t.clerk_created_at then k.clerk_created_at > t.clerk_created_at
    else k.read_ticket > coalesce(t.read_ticket, 0)
  end`;

const write = (
  { memberships: m, ...o }: OrganizationTables,
  { users: u }: Tables,
  madeKey: string | undefined,
) => {
  const made = m.madeKey && madeKey !== undefined ? [{ column: m.madeKey.column, value: madeKey }] : [];
  const role = m.role === undefined ? [] : [{ column: m.role, value: "k.role" }];
  const times = [m.createdAt, m.updatedAt].flatMap((column) =>
    column === undefined ? [] : [{ column, value: "now()" }],
  );
  const inserted = [
    ...made,
    { column: m.user, value: "k.user_key" },
    { column: m.organization, value: "k.organization_key" },
    ...role,
    ...times,
  ];
  const assigned = [
    ...role,
    ...(m.deletedAt === undefined ? [] : [{ column: m.deletedAt, value: "null" }]),
    ...(m.updatedAt === undefined ? [] : [{ column: m.updatedAt, value: "now()" }]),
  ];
  const { differs } = m;
  const assign = (from: "k" | "excluded") =>
    assigned
      .map(
        ({ column, value }) =>
          `${column} = ${from === "excluded" && value === "k.role" ? `excluded.${column}` : value}`,
      )
      .join(", ");
  return `
with k as materialized (
  select a.clerk_org_id, a.clerk_id, a.membership_id, a.role, a.read_ticket, a.cause, a.ref,
    ${fromMs("a.created_ms")} as clerk_created_at, ${fromMs("a.updated_ms")} as clerk_updated_at,
    u.${u.id} as user_key, o.${o.id} as organization_key,
    case
      when t.deleted_at is not null then 'organization_deleted'
      when u.${u.deletedAt} is not null then 'user_deleted'
      -- Without the lock, either could end while its membership is written.
      when o.${o.id} is null or t.read_ticket is null or a.clerk_org_id <> all ($11::text[]) then 'organization_missing'
      when u.${u.id} is null or u.read_ticket is null or a.clerk_id <> all ($10::text[]) then 'user_missing'
    end as lacks
  from ${membershipRows}
  left join ${u.rows} u on u.${u.clerkId} = a.clerk_id
  left join ${o.table} o on o.${o.clerkOrgId} = a.clerk_org_id
  left join rollcall.organization_states t on t.clerk_org_id = a.clerk_org_id
),
due as (
  update rollcall.membership_states t set
    membership_id = k.membership_id, clerk_created_at = k.clerk_created_at, clerk_updated_at = k.clerk_updated_at,
    read_ticket = k.read_ticket, deleted_at = null, deleted_by = null, held_at = null
  from k where t.clerk_org_id = k.clerk_org_id and t.clerk_id = k.clerk_id and k.lacks is null and ${isNewerMembership}
  returning t.clerk_org_id, t.clerk_id
),
${
  differs === undefined
    ? ""
    : `updated as (
  update ${m.table} m set ${assign("k")}
  from k join due using (clerk_org_id, clerk_id)
  where m.${m.user} = k.user_key and m.${m.organization} = k.organization_key and ${differs}
  returning k.clerk_org_id, k.clerk_id
),
`
}inserted as (
  insert into ${m.table} as m (${inserted.map(({ column }) => column).join(", ")})
  select ${inserted.map(({ value }) => value).join(", ")}
  from k join due using (clerk_org_id, clerk_id)
  where not exists (
    select from ${m.table} x where x.${m.user} = k.user_key and x.${m.organization} = k.organization_key
  )
  order by k.clerk_org_id collate "C", k.clerk_id collate "C"
  -- The app may have made the row at this moment.
  on conflict (${m.user}, ${m.organization}) do ${assigned.length > 0 ? `update set ${assign("excluded")}` : "nothing"}
  returning m.${m.user} as user_key, m.${m.organization} as organization_key
),
changed as (
  select k.clerk_org_id, k.clerk_id, 'membership_created' as kind from inserted join k using (user_key, organization_key)
  ${differs === undefined ? "" : "union all select clerk_org_id, clerk_id, 'membership_updated' from updated"}
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select clerk_id, c.kind, k.cause, k.ref, jsonb_build_object('clerkOrgId', clerk_org_id)
  from changed c join k using (clerk_org_id, clerk_id)
)
select k.clerk_org_id as "clerkOrgId", k.clerk_id as "clerkId", case
    when k.lacks is not null then k.lacks
    when c.clerk_id is not null then 'written'
    when t.deleted_at is not null and t.membership_id = k.membership_id then 'ended'
    when t.membership_id is null and t.deleted_at is not null and k.read_ticket <= coalesce(t.read_ticket, 0) then 'stale'
    else 'unchanged'
  end as outcome
from k join rollcall.membership_states t using (clerk_org_id, clerk_id) left join changed c using (clerk_org_id, clerk_id)
`;
};

const idRow = z.object({ id: z.string() });

const outcomeRow = z.object({
  clerkOrgId: z.string(),
  clerkId: z.string(),
  outcome: z.enum([
    "written",
    "unchanged",
    "ended",
    "stale",
    "organization_missing",
    "organization_deleted",
    "user_missing",
    "user_deleted",
  ]),
});

/**
 * ended: this membership ended for good. stale: a pair ended after this read, and it is not known which membership that was,
 * so Clerk must be read again. The others say what prevents the write.
 */
export type MembershipOutcome = z.infer<typeof outcomeRow>["outcome"];

const statements = perOrganizations((own, tables) => ({
  locks: lockOwners(tables),
  makeWrite: (madeKey: string | undefined) => write(own, tables, madeKey),
  keyMaker: own.memberships.madeKey && { table: own.memberships.table, ...own.memberships.madeKey },
  drop: dropRows(own, tables),
}));

/** One text for a pair. No Clerk id has a blank. */
export const nameMembership = ({ clerkOrgId, clerkId }: Pair): string => `${clerkOrgId} ${clerkId}`;

/**
 * Upserts memberships, whose pairs must be distinct. Run it inside a transaction.
 *
 * @returns one outcome for each pair, by `nameMembership`; none while organizations are off
 */
export async function applyMemberships(
  db: Queryable,
  snapshots: readonly MembershipSnapshot[],
): Promise<Map<string, MembershipOutcome>> {
  const own = statements(db);
  if (!own) return new Map();
  await waitBrieflyForLocks(db);
  const organizations = snapshots.map(({ clerkOrgId }) => clerkOrgId);
  const users = snapshots.map(({ clerkId }) => clerkId);
  const lockedUsers = readRows(idRow, (await db.query(own.locks.users, [users])).rows);
  const lockedOrganizations = readRows(
    idRow,
    (await db.query(own.locks.organizations, [organizations])).rows,
  );
  await db.query(claim, [organizations, users]);
  const madeKey = own.keyMaker && (await findKeyMaker(db, own.keyMaker));
  const { rows } = await db.query(own.makeWrite(madeKey), [
    ...listMembershipValues(snapshots),
    lockedUsers.map(({ id }) => id),
    lockedOrganizations.map(({ id }) => id),
  ]);
  return new Map(readRows(outcomeRow, rows).map((row) => [nameMembership(row), row.outcome]));
}

/** The parameters of `membershipRows`. */
export const listMembershipValues = (snapshots: readonly MembershipSnapshot[]) => [
  snapshots.map(({ clerkOrgId }) => clerkOrgId),
  snapshots.map(({ clerkId }) => clerkId),
  snapshots.map(({ membershipId }) => membershipId),
  snapshots.map(({ role }) => role),
  snapshots.map(({ clerkCreatedAtMs }) => clerkCreatedAtMs),
  snapshots.map(({ clerkUpdatedAtMs }) => clerkUpdatedAtMs),
  snapshots.map(({ readTicket }) => readTicket),
  snapshots.map(({ cause }) => cause),
  snapshots.map(({ ref }) => ref),
];

const findState = `
select membership_id as "membershipId", deleted_at is not null as "isEnded",
  floor(extract(epoch from clerk_created_at) * 1000)::float8 as "createdAtMs"
from rollcall.membership_states where clerk_org_id = $1 and clerk_id = $2
`;

const stateRow = z.object({
  membershipId: z.string().nullable(),
  isEnded: z.boolean(),
  createdAtMs: z.number().nullable(),
});

/**
 * What Rollcall knows of a pair: its newest membership, when Clerk made that, in milliseconds, and whether it ended. Without a
 * state it knows none.
 */
export type MembershipState = z.infer<typeof stateRow>;

export async function findMembershipState(
  db: Queryable,
  { clerkOrgId, clerkId }: Pair,
): Promise<MembershipState> {
  const [state] = readRows(stateRow, (await db.query(findState, [clerkOrgId, clerkId])).rows);
  return state ?? { membershipId: null, isEnded: false, createdAtMs: null };
}

/** Ends rows of the pairs in `$1` and `$2`: the row goes, or gets its time where the mapping names a column for it. */
const dropRows = ({ memberships: m, ...o }: OrganizationTables, { users: u }: Tables) => {
  const found = (where: string) => `doomed as materialized (
  select m.${m.user} as user_key, m.${m.organization} as organization_key
  from ${m.table} m join ${u.rows} u on u.${u.id} = m.${m.user} join ${o.table} o on o.${o.id} = m.${m.organization}
  ${where}
  order by o.${o.clerkOrgId} collate "C", u.${u.clerkId} collate "C"
)`;
  const isRow = `m.${m.user} = d.user_key and m.${m.organization} = d.organization_key`;
  const touched = m.updatedAt === undefined ? "" : `, ${m.updatedAt} = now()`;
  const change =
    m.deletedAt === undefined
      ? `delete from ${m.table} m using doomed d where ${isRow}`
      : `update ${m.table} m set ${m.deletedAt} = now()${touched} from doomed d where ${isRow} and m.${m.deletedAt} is null`;
  return {
    pairs: `with ${found(`join unnest($1::text[], $2::text[]) as p (o, u) on p.o = o.${o.clerkOrgId} and p.u = u.${u.clerkId}`)} ${change}`,
    organization: `with ${found(`where o.${o.clerkOrgId} = any ($1::text[])`)} ${change}`,
    user: `with ${found(`where u.${u.clerkId} = any ($1::text[])`)} ${change}`,
  };
};

const endOne = `
with ended as (
  update rollcall.membership_states t set
    deleted_at = now(), deleted_by = $3, held_at = null,
    -- Of an unknown membership, only the read says which answers are older.
    read_ticket = case when t.membership_id is null then greatest(t.read_ticket, $6::bigint) else t.read_ticket end
  where t.clerk_org_id = $1 and t.clerk_id = $2 and t.deleted_at is null and t.membership_id is not distinct from $7
  returning t.clerk_org_id, t.clerk_id, t.membership_id
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select clerk_id, 'membership_ended', $4, $5, jsonb_build_object('clerkOrgId', clerk_org_id, 'by', $3::text)
  from ended where membership_id is not null
)
select (select count(*) from ended)::int as ended, (
    select t.deleted_at is not null or t.membership_id is not distinct from $7
    from rollcall.membership_states t where t.clerk_org_id = $1 and t.clerk_id = $2
  ) as "isExpected"
`;

const endedRow = z.object({ ended: z.number(), isExpected: z.boolean() });

/**
 * Ends the membership of a pair that Clerk lacks. Run it inside a transaction.
 *
 * @param before the pair's state before Clerk was asked, and the read sequence of the question
 * @returns deleted: it had ended before. changed: another membership of the pair was written meanwhile, so Clerk's answer
 * says nothing about it
 */
export async function endMembership(
  db: Queryable,
  { clerkOrgId, clerkId }: Pair,
  { membershipId, readTicket }: { membershipId: string | null; readTicket: number },
  { by, cause, ref }: EndReason,
): Promise<"tombstoned" | "deleted" | "changed"> {
  const own = statements(db);
  if (!own) return "deleted";
  await waitBrieflyForLocks(db);
  await db.query(claim, [[clerkOrgId], [clerkId]]);
  const values = [clerkOrgId, clerkId, by, cause, ref, readTicket, membershipId];
  const { ended, isExpected } = readRow(endedRow, (await db.query(endOne, values)).rows);
  if (!isExpected) return "changed";
  await db.query(own.drop.pairs, [[clerkOrgId], [clerkId]]);
  return ended > 0 ? "tombstoned" : "deleted";
}

const lockPairs = (condition: string) => `locked as materialized (
  select t.clerk_org_id, t.clerk_id from rollcall.membership_states t
  where t.deleted_at is null and ${condition}
  order by t.clerk_org_id collate "C", t.clerk_id collate "C" for update
)`;
const isLocked = "t.clerk_org_id = l.clerk_org_id and t.clerk_id = l.clerk_id";

const hold = `
with ${lockPairs("t.held_at is null and (t.clerk_org_id, t.clerk_id) in (select * from unnest($1::text[], $2::text[]))")},
held as (
  update rollcall.membership_states t set held_at = now() from locked l where ${isLocked}
  returning t.clerk_org_id, t.clerk_id
)
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, 'membership_end_held', $3, $4, jsonb_build_object('clerkOrgId', clerk_org_id) from held
`;

/** Holds the end of memberships that Clerk lacks until an operator confirms it. Run it inside a transaction. */
export async function holdMemberships(
  db: Queryable,
  pairs: readonly Pair[],
  { cause, ref }: { cause: string; ref: string | null },
): Promise<void> {
  await db.query(hold, [...listPairs(pairs), cause, ref]);
}

/** Releases memberships that are held, because Clerk has them. */
export async function releaseMemberships(db: Queryable, pairs: readonly Pair[]): Promise<void> {
  await db.query(
    `update rollcall.membership_states set held_at = null
     where (clerk_org_id, clerk_id) in (select * from unnest($1::text[], $2::text[])) and held_at is not null`,
    listPairs(pairs),
  );
}

const listPairs = (pairs: readonly Pair[]) => [
  pairs.map(({ clerkOrgId }) => clerkOrgId),
  pairs.map(({ clerkId }) => clerkId),
];

const endMany = `
with ${lockPairs("(t.clerk_org_id, t.clerk_id, t.membership_id) in (select * from unnest($1::text[], $2::text[], $6::text[]))")},
ended as (
  update rollcall.membership_states t set deleted_at = now(), deleted_by = $3, held_at = null from locked l where ${isLocked}
  returning t.clerk_org_id, t.clerk_id
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select clerk_id, 'membership_ended', $4, $5, jsonb_build_object('clerkOrgId', clerk_org_id, 'by', $3::text) from ended
)
select clerk_org_id as "clerkOrgId", clerk_id as "clerkId" from ended
`;

/** A pair with Clerk's id of its membership. */
export type NamedMembership = Pair & { membershipId: string };

/**
 * Ends memberships that Clerk lacks. A pair that has another membership by now stays, because Clerk's answer says nothing
 * about that one. One that Postgres refuses fails alone. Run it inside a transaction.
 *
 * @returns the memberships that ended, and those that were refused
 */
export async function endMemberships(
  db: Queryable,
  memberships: readonly NamedMembership[],
  { by, cause, ref }: EndReason,
): Promise<{ ended: Pair[]; refused: (Pair & { code: ErrorCode })[] }> {
  const own = statements(db);
  const refused: (Pair & { code: ErrorCode })[] = [];
  if (!own || memberships.length === 0) return { ended: [], refused };
  await waitBrieflyForLocks(db);
  const parts = await splitInSavepoints(
    db,
    memberships,
    async (part) => {
      const values = [...listPairs(part), by, cause, ref, part.map(({ membershipId }) => membershipId)];
      const ended = readRows(pairRow, (await db.query(endMany, values)).rows);
      await db.query(own.drop.pairs, listPairs(ended));
      return ended;
    },
    ({ clerkOrgId, clerkId }, error): Pair[] => {
      refused.push({ clerkOrgId, clerkId, code: readErrorCode(error) });
      return [];
    },
  );
  return { ended: parts.flat(), refused };
}

const pairRow = z.object({ clerkOrgId: z.string(), clerkId: z.string() });

/** Ends a membership that Clerk lacks, though Clerk signed no end. Above the guard it is held for an operator. */
export async function endAbsentMembership(
  db: Queryable,
  pair: Pair,
  before: { membershipId: string | null; readTicket: number },
  why: { cause: string; ref: string | null },
): Promise<"tombstoned" | "deleted" | "changed" | "held"> {
  await lockAbsenceGuard(db);
  if (!(await mayDeleteAbsentOf(db, "membership_states", 1))) {
    await holdMemberships(db, [pair], why);
    return "held";
  }
  return endMembership(db, pair, before, { by: "absence", ...why });
}

const endAll = (column: "clerk_org_id" | "clerk_id") => `
with locked as materialized (
  select clerk_org_id, clerk_id from rollcall.membership_states
  where ${column} = any ($1::text[]) and deleted_at is null
  order by clerk_org_id collate "C", clerk_id collate "C" for update
),
ended as (
  update rollcall.membership_states t set deleted_at = now(), deleted_by = $2, held_at = null
  from locked l where t.clerk_org_id = l.clerk_org_id and t.clerk_id = l.clerk_id
  returning t.clerk_org_id, t.clerk_id, t.membership_id
)
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, 'membership_ended', $3, $4, jsonb_build_object('clerkOrgId', clerk_org_id, 'by', $2::text) from ended
where membership_id is not null
`;

const endsOf = { organization: endAll("clerk_org_id"), user: endAll("clerk_id") };

/**
 * Ends all memberships of organizations or users that are deleted in this transaction, which has locked them. Rows of the app
 * that were never read at Clerk end too.
 */
export async function endMembershipsOf(
  db: Queryable,
  of: "organization" | "user",
  ids: readonly string[],
  { cause, ref }: { cause: string; ref: string | null },
): Promise<void> {
  const own = statements(db);
  if (!own) return;
  await db.query(endsOf[of], [ids, of, cause, ref]);
  await db.query(own.drop[of], [ids]);
}
