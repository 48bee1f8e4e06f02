import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { Pool } from "@rollcall/db";

const organizationRows = `
select concat_ws(' | ', clerk_org_id, name, slug, image_url, members_count,
  (extract(epoch from clerk_created_at) * 1000)::bigint, (extract(epoch from clerk_updated_at) * 1000)::bigint) as line
from public.organizations where deleted_at is null
`;
const membershipRows = `
select concat_ws(' | ', o.clerk_org_id, u.clerk_id, m.role, s.membership_id) as line
from public.organization_memberships m
join public.organizations o on o.id = m.organization_id join public.users u on u.id = m.user_id
left join rollcall.membership_states s
  on s.clerk_org_id = o.clerk_org_id and s.clerk_id = u.clerk_id and s.deleted_at is null
`;

/** The differences between our organizations and memberships and Clerk's, as lines with - (ours) and + (Clerk's). */
export async function findTeamInequalities(db: Pool, clerk: ClerkSimulator): Promise<string[]> {
  const all = { limit: Number.MAX_SAFE_INTEGER };
  const atClerk = [
    ...(await clerk.organizations.list(all)).map((one) =>
      [one.id, one.name, one.slug, one.image_url, one.members_count, one.created_at, one.updated_at].join(
        " | ",
      ),
    ),
    ...(await clerk.memberships.list(all)).map(({ organization, public_user_data, role, id }) =>
      [organization.id, public_user_data.user_id, role, id].join(" | "),
    ),
  ];
  const { rows: organizations } = await db.query<{ line: string }>(organizationRows);
  const { rows: memberships } = await db.query<{ line: string }>(membershipRows);
  const here = [...organizations, ...memberships].map(({ line }) => line);
  const known = new Set(atClerk);
  const ours = new Set(here);
  return [
    ...here.filter((line) => !known.has(line)).map((line) => `- ${line}`),
    ...atClerk.filter((line) => !ours.has(line)).map((line) => `+ ${line}`),
  ].sort();
}
