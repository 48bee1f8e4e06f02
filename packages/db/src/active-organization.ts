import { type OrganizationView, organizationView } from "@rollcall/contracts";
import { z } from "zod";
import { nameMembership } from "./memberships.ts";
import type { OrganizationTables } from "./organization-columns.ts";
import type { Queryable } from "./queryable.ts";
import { readRow } from "./rows.ts";
import { serverStart } from "./server-start.ts";
import { perOrganizations, type Tables } from "./tables.ts";

/**
 * A membership that the app wrote by itself was never read at Clerk, and a row that the app deleted has no role. Neither
 * counts. So both the row and a live state must be there.
 */
const find = ({ memberships: m, ...o }: OrganizationTables, { users: u }: Tables) => {
  const column = (name: string) => o.clerkColumns.find((one) => one.name === name)?.column;
  const text = (alias: string, name: string | undefined) =>
    name === undefined ? "null" : `${alias}.${name}::text`;
  const isKept = m.deletedAt === undefined ? "" : ` and m.${m.deletedAt} is null`;
  return `
select
  o.${o.id} as "id", ${text("o", column("name"))} as "name", ${text("o", column("slug"))} as "slug",
  ${text("o", column("image_url"))} as "imageUrl", ${text("m", m.role)} as "role",
  coalesce(m.${m.user} is not null and t.deleted_at is null and s.membership_id is not null and s.deleted_at is null, false)
    as "isMember",
  coalesce(t.deleted_at is not null, false) as "isDeleted",
  coalesce(s.deleted_at is not null, false) as "isEnded",
  coalesce(a.seen_at > $4::timestamptz, false) as "isAbsent",
  now()::text as "readAt", ${serverStart} as "serverStart"
from (select $1::text as clerk_org_id, $2::text as clerk_id) k
left join rollcall.organization_states t on t.clerk_org_id = k.clerk_org_id
left join rollcall.membership_states s on s.clerk_org_id = k.clerk_org_id and s.clerk_id = k.clerk_id
left join rollcall.absences a on a.clerk_id = $3
left join ${o.table} o on o.${o.clerkOrgId} = k.clerk_org_id
left join ${u.rows} u on u.${u.clerkId} = k.clerk_id
left join ${m.table} m on m.${m.user} = u.${u.id} and m.${m.organization} = o.${o.id}${isKept}
`;
};

const statement = perOrganizations(find);

const foundRow = z.object({
  ...organizationView.omit({ clerkOrgId: true }).shape,
  id: organizationView.shape.id.nullable(),
  isMember: z.boolean(),
  isDeleted: z.boolean(),
  isEnded: z.boolean(),
  isAbsent: z.boolean(),
  readAt: z.string(),
  serverStart: z.string(),
});

/** What the rows say of a membership. */
export type ActiveOrganization = {
  /** Null for a user who is no member by the rows. */
  organization: OrganizationView | null;
  /** The organization is a tombstone, so it has no members for good. */
  isDeleted: boolean;
  /** The pair had a membership, which ended. The user may have joined again. */
  isEnded: boolean;
  /** Clerk lacked the membership when it was asked after `since`. */
  isAbsent: boolean;
  /** When the rows were read, by Postgres' clock. */
  readAt: string;
  /** As in `findSession`. */
  serverStart: string;
};

/**
 * Finds an organization as one of its members sees it.
 *
 * @param since a `readAt` of an earlier call
 * @returns undefined while organizations are off
 */
export async function findActiveOrganization(
  db: Queryable,
  { clerkOrgId, clerkId }: { clerkOrgId: string; clerkId: string },
  since: string | null = null,
): Promise<ActiveOrganization | undefined> {
  const text = statement(db);
  if (text === undefined) return undefined;
  const values = [clerkOrgId, clerkId, nameMembership({ clerkOrgId, clerkId }), since];
  const { rows } = await db.query(text, values);
  const { isMember, isDeleted, isEnded, isAbsent, readAt, serverStart, id, ...named } = readRow(
    foundRow,
    rows,
  );
  const organization = isMember && id !== null ? { id, clerkOrgId, ...named } : null;
  return { organization, isDeleted, isEnded, isAbsent, readAt, serverStart };
}
