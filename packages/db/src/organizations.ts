import { type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { z } from "zod";
import { lockAbsenceGuard, mayDeleteAbsentOf } from "./absences.ts";
import { findKeyMaker } from "./made-keys.ts";
import { endMembershipsOf } from "./memberships.ts";
import {
  type EndReason,
  fromMs,
  type OrganizationSnapshot,
  type OrganizationTables,
} from "./organization-columns.ts";
import type { Queryable } from "./queryable.ts";
import { readRows } from "./rows.ts";
import { splitInSavepoints } from "./split-on-refusal.ts";
import { perOrganizations } from "./tables.ts";
import { waitBrieflyForLocks } from "./transaction.ts";

/*
 * The order of locks, for every transaction that touches organizations: users by their Clerk ids, then states of
 * organizations by their Clerk ids, then states of memberships by organization and user, then rows of the app. A transaction
 * may leave out any of them. All state is in schema `rollcall`, so a lock on it decides, and only the app writes its rows besides.
 */

/** Makes the states that are missing, and locks all of them in Clerk-id order. The condition is false: it only locks. */
const claim = `
insert into rollcall.organization_states as t (clerk_org_id)
select id from unnest($1::text[]) as id order by id collate "C"
on conflict (clerk_org_id) do update set held_at = t.held_at where t.clerk_org_id <> excluded.clerk_org_id
`;

/** Rows `a` of organizations in the parameters of `listOrganizationValues`. */
export const organizationRows = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::float8[], $7::float8[], $8::bigint[], $9::text[], $10::text[])
  as a (clerk_org_id, name, slug, image_url, members_count, created_ms, updated_ms, read_ticket, cause, ref)`;

/** A later stamp of Clerk's is newer, and with equal stamps the later read. A tombstone never changes. */
const writeOrganizations = (o: OrganizationTables, madeKey: string | undefined) => {
  const columns = o.clerkColumns.map(({ column }) => column);
  const key = o.madeKey && madeKey !== undefined ? { column: o.id, value: madeKey } : undefined;
  const times = [o.createdAt, o.updatedAt].filter((one) => one !== undefined);
  const inserted = [...(key ? [key.column] : []), o.clerkOrgId, ...columns, ...times];
  const values = [
    ...(key ? [key.value] : []),
    "s.clerk_org_id",
    ...o.clerkColumns.map(({ name }) => `s.${name}`),
    ...times.map(() => "now()"),
  ];
  /** A number that Clerk did not send stays. */
  const assign = (from: string, column: (one: (typeof o.clerkColumns)[number]) => string) =>
    [
      ...o.clerkColumns.map((one) =>
        one.name === "members_count"
          ? `${one.column} = coalesce(${from}.${column(one)}, o.${one.column})`
          : `${one.column} = ${from}.${column(one)}`,
      ),
      ...(o.updatedAt === undefined ? [] : [`${o.updatedAt} = now()`]),
    ].join(", ");
  const updates = o.differs !== undefined;
  return `
with s as materialized (
  select a.clerk_org_id, a.name, a.slug, a.image_url, a.members_count, a.read_ticket, a.cause, a.ref,
    ${fromMs("a.created_ms")} as clerk_created_at, ${fromMs("a.updated_ms")} as clerk_updated_at
  from ${organizationRows}
),
due as (
  update rollcall.organization_states t set
    clerk_created_at = s.clerk_created_at, clerk_updated_at = s.clerk_updated_at, read_ticket = s.read_ticket, held_at = null
  from s where t.clerk_org_id = s.clerk_org_id and t.deleted_at is null
    and (coalesce(s.clerk_updated_at, '-infinity'), s.read_ticket)
      > (coalesce(t.clerk_updated_at, '-infinity'), coalesce(t.read_ticket, 0))
  returning t.clerk_org_id
),
${
  updates
    ? `updated as (
  update ${o.table} o set ${assign("s", ({ name }) => name)}
  from s join due using (clerk_org_id)
  where o.${o.clerkOrgId} = s.clerk_org_id and ${o.differs}
  returning s.clerk_org_id
),
`
    : ""
}inserted as (
  insert into ${o.table} as o (${inserted.join(", ")})
  select ${values.join(", ")}
  from s join due using (clerk_org_id)
  where not exists (select from ${o.table} k where k.${o.clerkOrgId} = s.clerk_org_id)
  order by s.clerk_org_id collate "C"
  -- The app may have made the row at this moment.
  on conflict (${o.clerkOrgId}) do ${updates ? `update set ${assign("excluded", ({ column }) => column)}` : "nothing"}
  returning o.${o.clerkOrgId} as clerk_org_id
),
changed as (
  select clerk_org_id, 'organization_created' as kind from inserted
  ${updates ? "union all select clerk_org_id, 'organization_updated' from updated" : ""}
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref)
  select clerk_org_id, c.kind, s.cause, s.ref from changed c join s using (clerk_org_id)
)
select s.clerk_org_id as "clerkOrgId",
  case when t.deleted_at is not null then 'deleted' when c.clerk_org_id is null then 'unchanged' else 'written' end as outcome
from s join rollcall.organization_states t using (clerk_org_id) left join changed c using (clerk_org_id)
`;
};

const outcomeRow = z.object({
  clerkOrgId: z.string(),
  outcome: z.enum(["written", "unchanged", "deleted"]),
});

/** deleted: a tombstone stays as it is. */
export type OrganizationOutcome = z.infer<typeof outcomeRow>["outcome"];

const statements = perOrganizations((o) => ({
  makeWrite: (madeKey: string | undefined) => writeOrganizations(o, madeKey),
  keyMaker: o.madeKey && { table: o.table, ...o.madeKey },
  tombstone: tombstone(o),
}));

/**
 * Upserts organizations, whose ids must be distinct. Run it inside a transaction.
 *
 * @returns one outcome for each id; none while organizations are off
 */
export async function applyOrganizations(
  db: Queryable,
  snapshots: readonly OrganizationSnapshot[],
): Promise<Map<string, OrganizationOutcome>> {
  const own = statements(db);
  if (!own) return new Map();
  await waitBrieflyForLocks(db);
  const ids = snapshots.map(({ clerkOrgId }) => clerkOrgId);
  await db.query(claim, [ids]);
  const madeKey = own.keyMaker && (await findKeyMaker(db, own.keyMaker));
  const { rows } = await db.query(own.makeWrite(madeKey), listOrganizationValues(snapshots));
  return new Map(readRows(outcomeRow, rows).map(({ clerkOrgId, outcome }) => [clerkOrgId, outcome]));
}

/** The parameters of `organizationRows`. */
export const listOrganizationValues = (snapshots: readonly OrganizationSnapshot[]) => [
  snapshots.map(({ clerkOrgId }) => clerkOrgId),
  snapshots.map(({ name }) => name),
  snapshots.map(({ slug }) => slug),
  snapshots.map(({ imageUrl }) => imageUrl),
  snapshots.map(({ membersCount }) => membersCount),
  snapshots.map(({ clerkCreatedAtMs }) => clerkCreatedAtMs),
  snapshots.map(({ clerkUpdatedAtMs }) => clerkUpdatedAtMs),
  snapshots.map(({ readTicket }) => readTicket),
  snapshots.map(({ cause }) => cause),
  snapshots.map(({ ref }) => ref),
];

const states = `
select deleted_at is not null as "isDeleted", read_ticket is not null as "wasRead"
from rollcall.organization_states where clerk_org_id = $1
`;

const stateRow = z.object({ isDeleted: z.boolean(), wasRead: z.boolean() });

/** What Rollcall knows of an organization. `unknown`: it was never read, and is no tombstone. */
export async function findOrganizationState(
  db: Queryable,
  clerkOrgId: string,
): Promise<"live" | "deleted" | "unknown"> {
  const [state] = readRows(stateRow, (await db.query(states, [clerkOrgId])).rows);
  if (!state) return "unknown";
  return state.isDeleted ? "deleted" : state.wasRead ? "live" : "unknown";
}

/** An organization's slug may become another one's, so the tombstone gives it up. Its name stays for the app's history. */
const tombstone = (o: OrganizationTables) => {
  const erased = o.clerkColumns.flatMap(({ column, name }) =>
    name === "slug" || name === "image_url"
      ? [`${column} = null`]
      : name === "members_count"
        ? [`${column} = 0`]
        : [],
  );
  const assigned = [
    ...(o.deletedAt === undefined ? [] : [`${o.deletedAt} = now()`]),
    ...erased,
    ...(o.updatedAt === undefined ? [] : [`${o.updatedAt} = now()`]),
  ];
  const updated =
    assigned.length === 0
      ? ""
      : `
updated as (
  update ${o.table} o set ${assigned.join(", ")} from ended e where o.${o.clerkOrgId} = e.clerk_org_id
),`;
  return `
with before as materialized (
  select clerk_org_id, read_ticket is not null as was_read from rollcall.organization_states
  where clerk_org_id = $1 and deleted_at is null
),
ended as (
  update rollcall.organization_states t set deleted_at = now(), deleted_by = $2, held_at = null
  from before b where t.clerk_org_id = b.clerk_org_id
  returning t.clerk_org_id, b.was_read
),${updated}
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details)
  select clerk_org_id, 'organization_tombstoned', $3, $4, jsonb_build_object('by', $2::text) from ended
)
select was_read as "wasRead" from ended
`;
};

/**
 * Makes an organization a tombstone for good, and ends its memberships. Also an unknown id gets one, so that a late read
 * cannot create the organization. Run it inside a transaction.
 *
 * @returns what the organization was before
 */
export async function tombstoneOrganization(
  db: Queryable,
  clerkOrgId: string,
  { by, cause, ref }: EndReason,
): Promise<"live" | "deleted" | "unknown"> {
  const own = statements(db);
  if (!own) return "deleted";
  await waitBrieflyForLocks(db);
  await db.query(claim, [[clerkOrgId]]);
  const { rows } = await db.query(own.tombstone, [clerkOrgId, by, cause, ref]);
  await endMembershipsOf(db, "organization", [clerkOrgId], { cause, ref });
  const [ended] = readRows(z.object({ wasRead: z.boolean() }), rows);
  return ended ? (ended.wasRead ? "live" : "unknown") : "deleted";
}

const hold = `
with locked as materialized (
  select clerk_org_id from rollcall.organization_states
  where clerk_org_id = any ($1::text[]) and held_at is null and deleted_at is null
  order by clerk_org_id collate "C" for update
),
held as (
  update rollcall.organization_states t set held_at = now() from locked l where t.clerk_org_id = l.clerk_org_id
  returning t.clerk_org_id
)
insert into rollcall.events (clerk_id, kind, cause, ref) select clerk_org_id, 'deletion_held', $2, $3 from held
`;

/**
 * Deletes an organization that Clerk lacks, though Clerk signed no deletion. Above the guard its deletion is held for an
 * operator. Run it inside a transaction.
 */
export async function tombstoneAbsentOrganization(
  db: Queryable,
  clerkOrgId: string,
  why: Omit<EndReason, "by">,
): Promise<"tombstoned" | "deleted" | "held"> {
  await lockAbsenceGuard(db);
  if (!(await mayDeleteAbsentOf(db, "organization_states", 1))) {
    await holdOrganizations(db, [clerkOrgId], why);
    return "held";
  }
  const was = await tombstoneOrganization(db, clerkOrgId, { by: "absence", ...why });
  return was === "deleted" ? "deleted" : "tombstoned";
}

/** Holds the deletion of organizations that Clerk lacks until an operator confirms it. Run it inside a transaction. */
export async function holdOrganizations(
  db: Queryable,
  clerkOrgIds: readonly string[],
  { cause, ref }: Omit<EndReason, "by">,
): Promise<void> {
  await db.query(hold, [clerkOrgIds, cause, ref]);
}

/**
 * Makes tombstones of distinct organizations, as `tombstoneOrganization` does. One that Postgres refuses fails alone. Run it
 * inside a transaction.
 *
 * @returns the live ones that were deleted, and those that were refused
 */
export async function tombstoneOrganizations(
  db: Queryable,
  clerkOrgIds: readonly string[],
  why: EndReason,
): Promise<{ deleted: string[]; refused: { clerkOrgId: string; code: ErrorCode }[] }> {
  const refused: { clerkOrgId: string; code: ErrorCode }[] = [];
  const deleted: string[] = [];
  // All of them before the memberships of the first: see the order of locks.
  await waitBrieflyForLocks(db);
  await db.query(claim, [clerkOrgIds]);
  for (const clerkOrgId of [...clerkOrgIds].sort()) {
    await splitInSavepoints(
      db,
      [clerkOrgId],
      async () => {
        if ((await tombstoneOrganization(db, clerkOrgId, why)) === "live") deleted.push(clerkOrgId);
      },
      (_, error) => void refused.push({ clerkOrgId, code: readErrorCode(error) }),
    );
  }
  return { deleted, refused };
}

/** Releases organizations that are held, because Clerk has them. */
export async function releaseOrganizations(db: Queryable, clerkOrgIds: readonly string[]): Promise<void> {
  await db.query(
    "update rollcall.organization_states set held_at = null where clerk_org_id = any ($1::text[]) and held_at is not null",
    [clerkOrgIds],
  );
}
