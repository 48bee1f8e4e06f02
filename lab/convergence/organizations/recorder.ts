import type { Pool } from "@rollcall/db";
import { z } from "zod";

const tables = [
  "public.organizations",
  "public.organization_memberships",
  "rollcall.organization_states",
  "rollcall.membership_states",
] as const;

/** Triggers that record every change in its own transaction, so that invariants are checked at each write. */
const setup = `
create schema recorder;
create table recorder.changes (
  id bigint generated always as identity primary key, of text not null, before jsonb, after jsonb
);
create function recorder.record() returns trigger language plpgsql as $$
begin
  insert into recorder.changes (of, before, after) values (tg_table_name, to_jsonb(old), to_jsonb(new));
  return null;
end $$;
${tables
  .map(
    (table) =>
      `create trigger record after insert or update or delete on ${table} for each row execute function recorder.record();`,
  )
  .join("\n")}
`;

const text = z.string().nullable();
const instantMs = z
  .string()
  .transform((iso) => Date.parse(iso))
  .nullable();

const organization = z.object({
  id: z.number(),
  clerk_org_id: z.string(),
  name: text,
  slug: text,
  image_url: text,
  members_count: z.number().nullable(),
  clerk_created_at: instantMs,
  clerk_updated_at: instantMs,
  deleted_at: text,
});
const membership = z.object({ user_id: z.number(), organization_id: z.number(), role: z.string() });
const marks = {
  clerk_org_id: z.string(),
  clerk_created_at: instantMs,
  clerk_updated_at: instantMs,
  read_ticket: z.number().nullable(),
  deleted_at: text,
  deleted_by: text,
  held_at: text,
};
const organizationState = z.object(marks);
const membershipState = z.object({ ...marks, clerk_id: z.string(), membership_id: text });

const changed = <T extends z.ZodType>(row: T) => ({ before: row.nullable(), after: row.nullable() });
const id = z.coerce.number();
const change = z.discriminatedUnion("of", [
  z.object({ id, of: z.literal("organizations"), ...changed(organization) }),
  z.object({ id, of: z.literal("organization_memberships"), ...changed(membership) }),
  z.object({ id, of: z.literal("organization_states"), ...changed(organizationState) }),
  z.object({ id, of: z.literal("membership_states"), ...changed(membershipState) }),
]);

export type Change = z.infer<typeof change>;
export type OrganizationRow = z.infer<typeof organization>;
export type OrganizationState = z.infer<typeof organizationState>;
export type MembershipState = z.infer<typeof membershipState>;

export function installRecorder(db: Pool): Promise<unknown> {
  return db.query(setup);
}

/** The changes after the one with id `lastId`, oldest first. */
export async function readChanges(db: Pool, lastId: number): Promise<Change[]> {
  const found = await db.query("select * from recorder.changes where id > $1 order by id", [lastId]);
  return z.array(change).parse(found.rows);
}

const line = z.object({ pair: z.string(), role: text, why: text });

/** Rows of memberships that have no reason, and states of memberships that have no row. */
const contradictions = `
select coalesce(o.clerk_org_id, t.clerk_org_id) || ' ' || coalesce(u.clerk_id, t.clerk_id) as pair, m.role, case
    when m.user_id is null then 'a membership that goes on has no row'
    when u.deleted_at is not null then 'a deleted user has a membership'
    when o.deleted_at is not null then 'a deleted organization has a membership'
    when t.membership_id is null or t.deleted_at is not null then 'an ended membership has a row'
  end as why
from organization_memberships m join users u on u.id = m.user_id join organizations o on o.id = m.organization_id
full join rollcall.membership_states t on t.clerk_org_id = o.clerk_org_id and t.clerk_id = u.clerk_id
where m.user_id is not null or (t.membership_id is not null and t.deleted_at is null)
order by 1
`;

/** Every row of a membership, by its pair, with what is wrong with it. */
export async function readMemberships(db: Pool): Promise<z.infer<typeof line>[]> {
  return z.array(line).parse((await db.query(contradictions)).rows);
}

const place = z.object({ of: z.enum(["user", "organization"]), id: z.number(), clerkId: z.string() });

/** The Clerk ids of rows, by the table and the row's id. */
export async function readKeys(db: Pool): Promise<Map<string, string>> {
  const { rows } = await db.query(
    `select 'user' as of, id, clerk_id as "clerkId" from users
     union all select 'organization', id, clerk_org_id from organizations`,
  );
  return new Map(
    z
      .array(place)
      .parse(rows)
      .map(({ of, id: key, clerkId }) => [`${of} ${key}`, clerkId]),
  );
}
