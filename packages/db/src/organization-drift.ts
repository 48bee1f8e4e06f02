import { z } from "zod";
import { isNewerMembership, listMembershipValues, membershipRows, nameMembership } from "./memberships.ts";
import {
  fromMs,
  type MembershipSnapshot,
  type OrganizationSnapshot,
  type OrganizationTables,
} from "./organization-columns.ts";
import { listOrganizationValues, organizationRows } from "./organizations.ts";
import type { Queryable } from "./queryable.ts";
import { readRows } from "./rows.ts";
import { perOrganizations, type Tables } from "./tables.ts";

/**
 * How an organization or a membership differs from Clerk. missing: there is no row. older: the row has other values, or was
 * never read. released: its end is held, and Clerk has it.
 */
const entryDrift = z.enum(["missing", "older", "released"]);

export type EntryDrift = z.infer<typeof entryDrift>;

// A lookup for each entry, as in drift.ts: a plan that was made while the tables were small would read all of them.
const lookup = (table: string, condition: string, name: string) =>
  `left join lateral (select * from ${table} where ${condition} limit 1) ${name} on true`;

const compareOrganizations = (o: OrganizationTables) => `
with s as materialized (
  select a.*, ${fromMs("a.created_ms")} as clerk_created_at, ${fromMs("a.updated_ms")} as clerk_updated_at
  from ${organizationRows}
),
compared as (
  select s.clerk_org_id, case
      when t.deleted_at is not null then null
      when o.${o.id} is null then 'missing'
      when t.read_ticket is null
        or ${o.differs ?? "false"} and (coalesce(s.clerk_updated_at, '-infinity'), s.read_ticket)
          > (coalesce(t.clerk_updated_at, '-infinity'), coalesce(t.read_ticket, 0)) then 'older'
      when t.held_at is not null then 'released'
    end as kind
  from s
  ${lookup("rollcall.organization_states", "clerk_org_id = s.clerk_org_id", "t")}
  ${lookup(o.table, `${o.clerkOrgId} = s.clerk_org_id`, "o")}
)
select clerk_org_id as "clerkOrgId", kind from compared where kind is not null
`;

const compareMemberships = ({ memberships: m, ...o }: OrganizationTables, { users: u }: Tables) => `
with k as materialized (
  select a.*, ${fromMs("a.created_ms")} as clerk_created_at, ${fromMs("a.updated_ms")} as clerk_updated_at
  from ${membershipRows}
),
compared as (
  select k.clerk_org_id, k.clerk_id, case
      when u.${u.deletedAt} is not null or s.deleted_at is not null then null
      when t.membership_id = k.membership_id and t.deleted_at is not null then null
      when m.${m.user} is null then 'missing'
      when t.read_ticket is null
        or (${m.differs ?? "false"} or t.membership_id is distinct from k.membership_id) and ${isNewerMembership} then 'older'
      when t.held_at is not null then 'released'
    end as kind
  from k
  ${lookup("rollcall.membership_states", "clerk_org_id = k.clerk_org_id and clerk_id = k.clerk_id", "t")}
  ${lookup("rollcall.organization_states", "clerk_org_id = k.clerk_org_id", "s")}
  ${lookup(u.from, `${u.clerkId} = k.clerk_id`, "u")}
  ${lookup(o.table, `${o.clerkOrgId} = k.clerk_org_id`, "o")}
  ${lookup(m.table, `${m.user} = u.${u.id} and ${m.organization} = o.${o.id}`, "m")}
)
select clerk_org_id as "clerkOrgId", clerk_id as "clerkId", kind from compared where kind is not null
`;

const statements = perOrganizations((o, tables) => ({
  organizations: compareOrganizations(o),
  memberships: compareMemberships(o, tables),
}));

/** Finds the organizations whose write would change more than their read sequence, by Clerk id; none while they are off. */
export async function findOrganizationDrift(
  db: Queryable,
  snapshots: readonly OrganizationSnapshot[],
): Promise<Map<string, EntryDrift>> {
  const own = statements(db);
  if (!own) return new Map();
  const { rows } = await db.query(own.organizations, listOrganizationValues(snapshots));
  const row = z.object({ clerkOrgId: z.string(), kind: entryDrift });
  return new Map(readRows(row, rows).map(({ clerkOrgId, kind }) => [clerkOrgId, kind]));
}

/** Does the same for memberships, by `nameMembership`. */
export async function findMembershipDrift(
  db: Queryable,
  snapshots: readonly MembershipSnapshot[],
): Promise<Map<string, EntryDrift>> {
  const own = statements(db);
  if (!own) return new Map();
  const { rows } = await db.query(own.memberships, listMembershipValues(snapshots));
  const row = z.object({ clerkOrgId: z.string(), clerkId: z.string(), kind: entryDrift });
  return new Map(readRows(row, rows).map(({ kind, ...pair }) => [nameMembership(pair), kind]));
}
