import type { Tables } from "./tables.ts";
import { stateTable } from "./user-rows.ts";

/*
 * The writes of an app whose tables get no column: a user's values are in two rows, and no upsert can compare both. So each
 * transaction first locks the state rows in Clerk-id order, and makes those that are missing. Every writer of Rollcall's
 * does, so afterwards one snapshot shows the users as they are, and decides. The app's rows are locked next, always
 * behind the state, because only the app writes them besides.
 */

/** Makes the state rows that are missing, and locks all of them in Clerk-id order. */
const claimStates = `
insert into ${stateTable} as t (clerk_id)
select id from unnest($1::text[]) as id order by id collate "C"
-- The condition is false. Postgres locks the row before it evaluates it.
on conflict (clerk_id) do update set tier = t.tier where t.clerk_id <> excluded.clerk_id
`;

/**
 * Statements that lock the users of the Clerk ids `$1`, which must be distinct, until the transaction ends.
 *
 * @param strength of the lock on the app's rows. FOR UPDATE also waits for rows of the app that are about to refer to them
 */
export function lockStates({ users: u }: Tables, strength: "update" | "no key update"): string[] {
  return [claimStates, lockAppRows(u, strength)];
}

const lockAppRows = (u: Tables["users"], strength: "update" | "no key update") => `
select from ${u.table} where ${u.clerkId} = any ($1::text[]) order by ${u.clerkId} collate "C" for ${strength}
`;

/** The user of a snapshot `s` or of an id `b`. One lookup for each, however small the table was when it was planned. */
const lookUp = (u: Tables["users"], clerkId: string) =>
  `left join lateral (select * from ${u.from} where ${u.clerkId} = ${clerkId} limit 1) u on true`;

type Value = { column: string; value: string };

const assign = (values: readonly Value[]) =>
  values.map(({ column, value }) => `${column} = ${value}`).join(", ");
const listColumns = (values: readonly Value[]) => values.map(({ column }) => column).join(", ");
const listValues = (values: readonly Value[]) => values.map(({ value }) => value).join(", ");

/** The values of those properties that the app's table has, or that the state has. */
function choose(u: Tables["users"], of: "app" | "state", values: Readonly<Record<string, Value>>): Value[] {
  return Object.entries(values).flatMap(([property, value]) =>
    u.isHeld(property) === (of === "state") ? [value] : [],
  );
}

/** Values of a new user in columns that no snapshot has. A state may be left of a row that the app deleted. */
function describeFresh(u: Tables["users"], isFresh: string): Readonly<Record<string, Value>> {
  const fresh = (column: string, value: string) => ({
    column,
    value: `case when ${isFresh} then ${value} else t.${column} end`,
  });
  return { tier: fresh(u.tier, "'FREE'"), createdAt: fresh(u.createdAt, "now()") };
}

/** The role in the type of the app's column, which may be an enum. The last branch is never taken. */
const typedRole = (u: Tables["users"], isAdmin: string) =>
  `case when ${isAdmin} then 'admin' when not ${isAdmin} then 'user' else (select ${u.role} from ${u.table} limit 0) end`;

/** The first statement of the write, for users that `lockStates` locked. See `applySnapshots`. */
export function writeStates(
  { users: u }: Tables,
  madeKey: string | undefined,
  rows: string,
  ignoresRole: number,
): string {
  const roleDiffers = `(${u.roleFollowsClerk} and u.${u.role} <> case when s.is_admin then 'admin' else 'user' end)`;
  const clerk = u.clerkColumns.map(({ column, name, isOfApp }) => ({
    column,
    value: `d.${name}`,
    isOfApp,
  }));
  const ofState = [
    ...clerk.filter(({ isOfApp }) => !isOfApp),
    { column: "role_source", value: "case when d.follows_clerk then d.role_source else t.role_source end" },
    { column: "read_ticket", value: "d.read_ticket" },
    ...choose(u, "state", {
      role: {
        column: u.role,
        value: `case when d.follows_clerk then case when d.is_admin then 'admin' else 'user' end else t.${u.role} end`,
      },
      ...describeFresh(u, "d.is_new"),
      // A tombstone is never due.
      deletedAt: { column: u.deletedAt, value: "null" },
      updatedAt: {
        column: u.updatedAt,
        value: `case when d.is_changed then now() else t.${u.updatedAt} end`,
      },
    }),
  ];
  const mapped = clerk.filter(({ isOfApp }) => isOfApp);
  const touched = choose(u, "app", { updatedAt: { column: u.updatedAt, value: "now()" } });
  const inserted = [
    ...mapped,
    ...choose(u, "app", {
      role: { column: u.role, value: typedRole(u, "d.is_admin") },
      createdAt: { column: u.createdAt, value: "now()" },
      updatedAt: { column: u.updatedAt, value: "now()" },
    }),
  ];
  const updated = [
    ...mapped,
    ...choose(u, "app", {
      role: {
        column: u.role,
        value: `case when d.follows_clerk then ${typedRole(u, "d.is_admin")} else u.${u.role} end`,
      },
    }),
    ...touched,
  ];
  return `
with released as (
  -- Clerk has these users, so no deletion of theirs may wait for confirmation.
  delete from rollcall.held_deletions where clerk_id = any ($3::text[])
),
due as materialized (
  select s.*, case when s.is_admin then 'clerk' end as role_source, u.${u.id} is null as is_new,
    u.${u.id} is null or ${u.roleFollowsClerk} as follows_clerk,
    u.${u.id} is null or ${u.differVisiblyAtClerk} or ${roleDiffers} as is_changed,
    -- The app's row is left alone while nothing of it changes.
    ${touched.length > 0 ? `${u.differVisiblyAtClerk} or ${roleDiffers}` : `${u.differInApp}${u.isHeld("role") ? "" : ` or ${roleDiffers}`}`} as changes_app
  from ${rows}
  ${lookUp(u, "s.clerk_id")}
  where u.${u.id} is null or (
    u.${u.deletedAt} is null
    and (coalesce(s.clerk_updated_at, '-infinity'), s.read_ticket)
      > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))
  )
),
stated as (
  update ${stateTable} t set ${assign(ofState)}
  from due d where t.clerk_id = d.clerk_id
),
inserted as (
  insert into ${u.table} (${[...(madeKey ? [u.id] : []), u.clerkId, ...inserted.map(({ column }) => column)].join(", ")})
  select ${[...(madeKey ? [madeKey] : []), "d.clerk_id", ...inserted.map(({ value }) => value)].join(", ")}
  from due d where d.is_new order by d.clerk_id collate "C"
  -- The app may have made the row at this moment.
  on conflict (${u.clerkId}) do ${writeExcluded(inserted.filter(({ column }) => column !== u.createdAt))}
)${writeUpdate(u, updated, "due d", "not d.is_new and d.changes_app")}
insert into rollcall.events (clerk_id, kind, cause, ref)
select w.clerk_id, case when w.is_new then 'user_created' else 'user_updated' end, a.cause, a.ref
from due w join unnest($3::text[], $1::text[], $2::text[]) as a (clerk_id, cause, ref) using (clerk_id)
where w.is_changed
union all
-- Once for each user: the role stays as it is at Clerk, and each refresh would add an event.
select a.clerk_id, 'role_ignored', a.cause, a.ref
from unnest($3::text[], $1::text[], $2::text[], $${ignoresRole}::boolean[]) as a (clerk_id, cause, ref, ignores_role)
where a.ignores_role and exists (select from due w where w.clerk_id = a.clerk_id)
  and not exists (select from rollcall.events e where e.clerk_id = a.clerk_id and e.kind = 'role_ignored')
`;
}

function writeExcluded(values: readonly Value[]): string {
  return values.length === 0
    ? "nothing"
    : `update set ${values.map(({ column }) => `${column} = excluded.${column}`).join(", ")}`;
}

/** A further part of WITH that updates the app's rows of `d`; empty if the app's table has none of the columns. */
function writeUpdate(u: Tables["users"], values: readonly Value[], from: string, where: string): string {
  if (values.length === 0) return "";
  return `,
updated as (
  update ${u.table} u set ${assign(values)}
  from ${from} where u.${u.clerkId} = d.clerk_id and ${where}
)`;
}

/** What a deletion erases, and the time of the change. */
function describeErased(u: Tables["users"], of: "app" | "state"): Value[] {
  return [
    ...u.clerkColumns
      .filter(({ isPersonal, isOfApp }) => isPersonal && isOfApp === (of === "app"))
      .map(({ column, type }) => ({ column, value: type === "boolean" ? "false" : "null" })),
    ...choose(u, of, { updatedAt: { column: u.updatedAt, value: "now()" } }),
  ];
}

/** Makes tombstones of users that `lockStates` locked. See `deleteUsers` in deletions.ts. */
export function deleteStates({ users: u }: Tables, madeKey: string | undefined): string {
  const deletedAt = { deletedAt: { column: u.deletedAt, value: "now()" } };
  const nothing = ["clerk_created_at", "clerk_updated_at", "read_ticket", "role_source"].map((column) => ({
    column,
    value: `case when not d.is_unknown then t.${column} end`,
  }));
  const fresh = describeFresh(u, "d.is_unknown");
  const ofState = [
    ...describeErased(u, "state"),
    ...nothing,
    ...choose(u, "state", {
      ...deletedAt,
      ...fresh,
      role: { column: u.role, value: `case when d.is_unknown then 'user' else t.${u.role} end` },
      banned: { column: u.banned, value: `not d.is_unknown and t.${u.banned}` },
    }),
  ];
  const inserted = choose(u, "app", {
    ...deletedAt,
    emailVerified: { column: u.emailVerified, value: "false" },
    banned: { column: u.banned, value: "false" },
    role: { column: u.role, value: typedRole(u, "false") },
    createdAt: { column: u.createdAt, value: "now()" },
    updatedAt: { column: u.updatedAt, value: "now()" },
  });
  const erased = [...choose(u, "app", deletedAt), ...describeErased(u, "app")];
  return `
with before as materialized (
  select ${u.clerkId} as clerk_id, rollcall.fold_email(${u.email}::text) as folded_email
  from ${u.from} where ${u.clerkId} = any ($1::text[]) and ${u.deletedAt} is null
),
due as materialized (
  select b.clerk_id, u.${u.id} as id, u.${u.id} is null as is_unknown
  from unnest($1::text[]) as b (clerk_id)
  ${lookUp(u, "b.clerk_id")}
  where u.${u.id} is null or u.${u.deletedAt} is null
),
stated as (
  update ${stateTable} t set ${assign(ofState)}
  from due d where t.clerk_id = d.clerk_id
),
inserted as (
  insert into ${u.table} as u (${[...(madeKey ? [u.id] : []), u.clerkId, ...(inserted.length > 0 ? [listColumns(inserted)] : [])].join(", ")})
  select ${[...(madeKey ? [madeKey] : []), "d.clerk_id", ...(inserted.length > 0 ? [listValues(inserted)] : [])].join(", ")}
  from due d where d.is_unknown order by d.clerk_id collate "C"
  -- The app may have made the row at this moment.
  on conflict (${u.clerkId}) do update set ${assign(erased.length > 0 ? erased : [{ column: u.clerkId, value: `excluded.${u.clerkId}` }])}
  returning u.${u.id} as id, u.${u.clerkId} as clerk_id
)${writeUpdate(u, erased, "due d", "not d.is_unknown")},
deleted as (
  select id, clerk_id, true as is_unknown from inserted
  union all
  select id, clerk_id, false from due where not is_unknown
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select d.clerk_id, 'user_tombstoned', a.cause, a.ref,
         jsonb_build_object('by', a.by) || case when d.is_unknown then '{"wasUnknown": true}' else '{}' end::jsonb
  from deleted d
  join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (clerk_id, by, cause, ref) using (clerk_id)
  order by d.clerk_id collate "C"
)
select d.id as "userId", d.clerk_id as "clerkId", d.is_unknown as "isUnknown", before.folded_email as "foldedEmail"
from deleted d left join before using (clerk_id)
`;
}

/** Erases rows that the app itself marked as deleted, of users that `lockStates` locked. */
export function eraseStates({ users: u }: Tables): string {
  const ofState = describeErased(u, "state");
  const stated = `,
stated as (
  update ${stateTable} t set ${assign(ofState)}
  from erased d where t.clerk_id = d.clerk_id
)`;
  return `
with erased as materialized (
  select u.${u.id} as id, u.${u.clerkId} as clerk_id from ${u.rows} u
  where u.${u.clerkId} = any ($1::text[]) and u.${u.deletedAt} is not null and ${u.holdsPersonalData}
)${ofState.length > 0 ? stated : ""}${writeUpdate(u, describeErased(u, "app"), "erased d", "true")},
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select e.clerk_id, 'user_tombstoned', a.cause, a.ref, jsonb_build_object('by', a.by, 'wasDeleted', true)
  from erased e
  join unnest($1::text[], $2::text[], $3::text[], $4::text[]) as a (clerk_id, by, cause, ref) using (clerk_id)
)
select id as "userId" from erased
`;
}

/** The two tables of a user, the one with the tier first. */
function orderByTier(u: Tables["users"]) {
  const app = { table: u.table, clerkId: u.clerkId };
  const state = { table: stateTable, clerkId: "clerk_id" };
  return u.isHeld("tier") ? ([state, app] as const) : ([app, state] as const);
}

/** Parts of WITH that write the tier `$2` of the users in `before`, and the time of the change. */
export function writeTiers({ users: u }: Tables): string {
  const [own, other] = orderByTier(u);
  const isBeside = u.isHeld("updatedAt") === u.isHeld("tier");
  const touched = `${u.updatedAt} = now()`;
  const touchOther = `,
touched as (
  update ${other.table} t set ${touched} from changed c where t.${other.clerkId} = c.clerk_id
)`;
  return `changed as (
  update ${own.table} u set ${u.tier} = $2${isBeside ? `, ${touched}` : ""}
  from before where u.${own.clerkId} = before.clerk_id
  returning u.${own.clerkId} as clerk_id, before.tier
)${isBeside ? "" : touchOther}`;
}

const writesApp = (u: Tables["users"]) => !(u.isHeld("tier") && u.isHeld("updatedAt"));

/** Statements that lock the users of the Clerk ids `$1` for a change of the tier. The api may lock no more than it writes. */
export function lockTiers({ users: u }: Tables): string[] {
  return [claimStates, ...(writesApp(u) ? [lockAppRows(u, "update")] : [])];
}

/**
 * The same without a wait, one after the other: each answers the Clerk ids whose row it locked, for the next one. `make`
 * comes first.
 */
export function lockFreeTiers({ users: u }: Tables): { make: string; locks: string[] } {
  const lock = (table: string, clerkId: string) => `
select ${clerkId} as "clerkId" from ${table}
where ${clerkId} = any ($1::text[]) order by ${clerkId} collate "C" for no key update skip locked
`;
  return {
    make: `
insert into ${stateTable} (clerk_id)
select ${u.clerkId} from ${u.table} where ${u.clerkId} = any ($1::text[]) order by ${u.clerkId} collate "C"
on conflict do nothing
`,
    locks: [lock(stateTable, "clerk_id"), ...(writesApp(u) ? [lock(u.table, u.clerkId)] : [])],
  };
}
