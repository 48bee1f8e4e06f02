import type pg from "pg";
import { z } from "zod";
import type { App } from "../apps.ts";

const inMs = (time: string) => `round(extract(epoch from ${time}) * 1000)::float8`;

const organizations = `
select coalesce(o.clerk_org_id, t.clerk_org_id) as id, o.name, o.slug, o.image_url as "imageUrl", o.members_count as "membersCount",
  ${inMs("coalesce(o.clerk_updated_at, t.clerk_updated_at)")} as "updatedAtMs", o.id is not null as "hasRow",
  o.deleted_at is not null or t.deleted_at is not null as "isDeleted", t.held_at is not null as "isHeld"
from organizations o full join rollcall.organization_states t using (clerk_org_id)
`;

const memberships = `
select p.clerk_org_id || ' ' || p.clerk_id as pair, p.role, t.membership_id as "membershipId",
  ${inMs("t.clerk_updated_at")} as "updatedAtMs", t.deleted_at is not null as "isEnded", t.held_at is not null as "isHeld"
from (
  select o.clerk_org_id, u.clerk_id, m.role
  from organization_memberships m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id
  union all
  select clerk_org_id, clerk_id, null from rollcall.membership_states s where not exists (
    select from organization_memberships m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id
    where o.clerk_org_id = s.clerk_org_id and u.clerk_id = s.clerk_id
  )
) p left join rollcall.membership_states t using (clerk_org_id, clerk_id)
`;

const text = z.string().nullable();
const organizationRow = z.object({
  ...{ id: z.string(), name: text, slug: text, imageUrl: text, membersCount: z.number().nullable() },
  ...{ updatedAtMs: z.number().nullable(), hasRow: z.boolean(), isDeleted: z.boolean(), isHeld: z.boolean() },
});
/** Without a role, there is no row, only a state. */
const membershipRow = z.object({
  ...{ pair: z.string(), role: text, membershipId: text, updatedAtMs: z.number().nullable() },
  ...{ isEnded: z.boolean().nullable(), isHeld: z.boolean().nullable() },
});

export type TeamRow = z.infer<typeof organizationRow>;
export type MemberRow = z.infer<typeof membershipRow>;

/** Rows and states of organizations, and those of memberships by their pairs. */
export type Teams = {
  organizations: ReadonlyMap<string, TeamRow>;
  memberships: ReadonlyMap<string, MemberRow>;
};

/** @returns none for an app without organizations */
export async function readTeams(db: pg.Client, { mapping }: App): Promise<Teams> {
  if (!mapping.organizations) return { organizations: new Map(), memberships: new Map() };
  const path = "set search_path = public";
  await db.query(path);
  const teams = z.array(organizationRow).parse((await db.query(organizations)).rows);
  const members = z.array(membershipRow).parse((await db.query(memberships)).rows);
  return {
    organizations: new Map(teams.map((row) => [row.id, row])),
    memberships: new Map(members.map((row) => [row.pair, row])),
  };
}
