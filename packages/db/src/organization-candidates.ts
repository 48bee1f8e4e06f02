import { z } from "zod";
import type { CreationRange } from "./drift.ts";
import type { NamedMembership, Pair } from "./memberships.ts";
import type { Queryable } from "./queryable.ts";
import { readRow, readRows } from "./rows.ts";
import { perOrganizations } from "./tables.ts";

/** The two lists of Clerk that are compared one after the other. */
export type EntryKind = "organizations" | "memberships";

/** A page of one list: its entries, and its range of creation times, as in `FullSyncPage`. */
export type EntryPageRange = CreationRange & {
  kind: EntryKind;
  /** Without `clerkId`: an organization. */
  entries: readonly { clerkOrgId: string; clerkId?: string }[];
};

const fromParameter = (place: `$${number}`, otherwise: string) =>
  `coalesce(timestamptz 'epoch' + ${place}::bigint * interval '1 millisecond', '${otherwise}')`;

/** Live entries without a membership id were never read. */
const live = {
  organizations: {
    from: "rollcall.organization_states t where t.deleted_at is null and t.read_ticket is not null",
    values: "t.clerk_org_id, '', null",
    isListed: "p.o = t.clerk_org_id",
  },
  memberships: {
    from: "rollcall.membership_states t where t.deleted_at is null and t.membership_id is not null",
    values: "t.clerk_org_id, t.clerk_id, t.membership_id",
    isListed: "p.o = t.clerk_org_id and p.u = t.clerk_id",
  },
} as const;

const add = (kind: EntryKind, condition: string) => `
insert into rollcall.organization_candidates (run_id, clerk_org_id, clerk_id, membership_id)
select $1, ${live[kind].values} from ${live[kind].from} and ${condition}
on conflict do nothing
`;

const addMissing = (kind: EntryKind) =>
  add(
    kind,
    `t.clerk_created_at > ${fromParameter("$4", "-infinity")} and t.clerk_created_at <= ${fromParameter("$5", "infinity")}
  and not exists (select from unnest($2::text[], $3::text[]) as p (o, u) where ${live[kind].isListed})`,
  );

/** Statements of schema `rollcall` alone. They are none while organizations are off. */
const statements = perOrganizations(() => ({
  addMissing: { organizations: addMissing("organizations"), memberships: addMissing("memberships") },
  addUndated: {
    organizations: add("organizations", "t.clerk_created_at is null"),
    memberships: add("memberships", "t.clerk_created_at is null"),
  },
}));

const clear = `
delete from rollcall.organization_candidates
where run_id = $1 and (clerk_org_id, clerk_id) in (select * from unnest($2::text[], $3::text[]))
`;

const listKeys = (entries: readonly { clerkOrgId: string; clerkId?: string }[]) => [
  entries.map(({ clerkOrgId }) => clerkOrgId),
  entries.map(({ clerkId = "" }) => clerkId),
];

/** Makes candidates of the live entries in the page's range that the page lacks: see `addMissingCandidates`. */
export async function addMissingEntries(db: Queryable, runId: number, page: EntryPageRange): Promise<void> {
  const own = statements(db);
  if (!own) return;
  const keys = listKeys(page.entries);
  await db.query(clear, [runId, ...keys]);
  await db.query(own.addMissing[page.kind], [runId, ...keys, page.afterMs, page.untilMs]);
}

/** Makes candidates of the live entries without a creation time, which no page's range contains. */
export async function addUndatedEntries(db: Queryable, runId: number, kind: EntryKind): Promise<void> {
  const own = statements(db);
  if (own) await db.query(own.addUndated[kind], [runId]);
}

const isKind = { organizations: "clerk_id = ''", memberships: "clerk_id <> ''" } as const;
const countRow = z.object({ count: z.number() });

/** The number of a run's candidates of one kind; with `isAbsent`, of those that Clerk lacks. */
export async function countEntryCandidates(
  db: Queryable,
  runId: number,
  kind: EntryKind,
  { isAbsent }: { isAbsent: boolean },
): Promise<number> {
  const { rows } = await db.query(
    `select count(*)::int as count from rollcall.organization_candidates
     where run_id = $1 and ${isKind[kind]} and (is_absent or not $2::boolean)`,
    [runId, isAbsent],
  );
  return readRow(countRow, rows).count;
}

// A membership ends with its organization or its user, and then needs no confirmation of its own.
const dropDecided = `
delete from rollcall.organization_candidates c
where c.run_id = $1 and c.clerk_id <> '' and not c.is_absent and (
  exists (
    select from rollcall.organization_candidates o
    where o.run_id = c.run_id and o.clerk_org_id = c.clerk_org_id and o.clerk_id = '' and o.is_absent
  )
  or exists (
    select from rollcall.deletion_candidates d where d.run_id = c.run_id and d.clerk_id = c.clerk_id and d.is_absent
  )
  or not exists (
    select from rollcall.membership_states t
    where t.clerk_org_id = c.clerk_org_id and t.clerk_id = c.clerk_id and t.membership_id = c.membership_id
      and t.deleted_at is null
  )
)
`;

/** Drops the candidates among memberships that need no answer of Clerk. */
export async function dropDecidedMemberships(db: Queryable, runId: number): Promise<void> {
  await db.query(dropDecided, [runId]);
}

/** Lists of Clerk lag this far behind its writes. */
const listLag = "interval '5 minutes'";

/** A candidate for which Clerk was not asked yet. */
export type EntryAge = {
  /** The row may be younger than a list that Clerk answers now. */
  isYoung: boolean;
  /** Every list that the run has read should show it, if it exists. */
  isOld: boolean;
};

const entryAge = z.object({ isYoung: z.boolean(), isOld: z.boolean() });

const ages = `
  coalesce(t.clerk_updated_at > now() - ${listLag}, true) as "isYoung",
  coalesce(t.clerk_created_at < r.started_at - ${listLag}, false) as "isOld"`;

const organizationCandidates = `
select c.clerk_org_id as "clerkOrgId", ${ages}
from rollcall.organization_candidates c join rollcall.runs r on r.id = c.run_id
join rollcall.organization_states t using (clerk_org_id)
where c.run_id = $1 and c.clerk_id = '' and not c.is_absent order by c.clerk_org_id collate "C" limit $2
`;

/** Organizations for which Clerk was not asked yet. */
export async function listOrganizationCandidates(
  db: Queryable,
  runId: number,
  limit: number,
): Promise<({ clerkOrgId: string } & EntryAge)[]> {
  const row = entryAge.extend({ clerkOrgId: z.string() });
  return readRows(row, (await db.query(organizationCandidates, [runId, limit])).rows);
}

const membershipCandidates = `
select c.clerk_org_id as "clerkOrgId", c.clerk_id as "clerkId", ${ages}
from rollcall.organization_candidates c join rollcall.runs r on r.id = c.run_id
left join rollcall.membership_states t using (clerk_org_id, clerk_id)
where c.run_id = $1 and c.clerk_id <> '' and c.is_absent = $3 and c.clerk_org_id = (
  select clerk_org_id from rollcall.organization_candidates
  where run_id = $1 and clerk_id <> '' and is_absent = $3 order by clerk_org_id collate "C" limit 1
)
order by c.clerk_id collate "C" limit $2
`;

const pairRow = z.object({ clerkOrgId: z.string(), clerkId: z.string() });

/** Memberships of one organization for which Clerk was not asked yet; with `isAbsent`, those that it lacked. */
export async function listMembershipCandidates(
  db: Queryable,
  runId: number,
  limit: number,
  { isAbsent = false } = {},
): Promise<(Pair & EntryAge)[]> {
  const row = pairRow.extend(entryAge.shape);
  return readRows(row, (await db.query(membershipCandidates, [runId, limit, isAbsent])).rows);
}

/** Records Clerk's answer, as `decideCandidates` does. */
export async function decideEntryCandidates(
  db: Queryable,
  runId: number,
  { absent, present }: Record<"absent" | "present", readonly { clerkOrgId: string; clerkId?: string }[]>,
): Promise<void> {
  await db.query(clear, [runId, ...listKeys(present)]);
  await db.query(
    `update rollcall.organization_candidates set is_absent = true
     where run_id = $1 and (clerk_org_id, clerk_id) in (select * from unnest($2::text[], $3::text[]))`,
    [runId, ...listKeys(absent)],
  );
}

/** Ids of a run's absent organizations in order, up to `limit`. */
export async function listAbsentOrganizations(
  db: Queryable,
  runId: number,
  limit: number | null = null,
): Promise<string[]> {
  const { rows } = await db.query(
    `select clerk_org_id as "clerkOrgId" from rollcall.organization_candidates
     where run_id = $1 and clerk_id = '' and is_absent order by clerk_org_id collate "C" limit $2`,
    [runId, limit],
  );
  return readRows(z.object({ clerkOrgId: z.string() }), rows).map(({ clerkOrgId }) => clerkOrgId);
}

/** The absent memberships of a run, of one organization or of all. */
export async function listAbsentMemberships(
  db: Queryable,
  runId: number,
  clerkOrgId: string | null = null,
): Promise<NamedMembership[]> {
  const { rows } = await db.query(
    `select clerk_org_id as "clerkOrgId", clerk_id as "clerkId", membership_id as "membershipId"
     from rollcall.organization_candidates
     where run_id = $1 and clerk_id <> '' and is_absent and ($2::text is null or clerk_org_id = $2)
     order by clerk_org_id collate "C", clerk_id collate "C"`,
    [runId, clerkOrgId],
  );
  return readRows(pairRow.extend({ membershipId: z.string() }), rows);
}

/** Deletes a run's candidates of one kind; nothing while organizations are off. */
export async function dropEntryCandidates(db: Queryable, runId: number, kind: EntryKind): Promise<void> {
  if (!db.tables.organizations) return;
  await db.query(`delete from rollcall.organization_candidates where run_id = $1 and ${isKind[kind]}`, [
    runId,
  ]);
}
