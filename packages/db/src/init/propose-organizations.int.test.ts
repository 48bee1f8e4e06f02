import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createPool, type Pool } from "../pool.ts";
import { inRolledBackTransaction } from "../transaction.ts";
import { type Proposal, proposeMapping } from "./propose-mapping.ts";
import { readCatalog } from "./read-catalog.ts";

let pool: Pool;
beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
});
afterAll(() => pool.end());

const propose = (sql: string): Promise<Proposal> =>
  inRolledBackTransaction(pool, async (client) => {
    await client.query(`set local search_path = public; ${sql}; set local search_path = pg_catalog`);
    return proposeMapping(await readCatalog(client));
  });

/** Users whose key is Clerk's id, as guides for Supabase and Drizzle have them. */
const clerkKeys = "create table users (id text primary key, email text);";
const ownKeys = "create table users (id serial primary key, clerk_id text unique, email text);";

/** `drizzle-kit push` of three tables. */
const drizzle = `${ownKeys}
create table organizations (
  id serial primary key, clerk_org_id varchar(64) not null, name text not null, slug varchar(64), logo_url text,
  created_at timestamp default now() not null, updated_at timestamp default now() not null,
  constraint organizations_clerk_org_id_unique unique (clerk_org_id)
);
create table organization_members (
  id serial primary key, organization_id integer not null references organizations (id) on delete cascade,
  user_id integer not null references users (id) on delete cascade, role varchar(64) not null,
  invited_by integer references users (id), created_at timestamp default now() not null
);
create table invitations (
  id serial primary key, organization_id integer references organizations (id), user_id integer references users (id), role text
);
create table invoices (id serial primary key, clerk_org_id text, organization_id integer references organizations (id));
create table projects (
  id serial primary key, organization_id integer references organizations (id), user_id integer references users (id)
)`;

/** `prisma migrate` of three models, of which the membership has a key of two columns. */
const prisma = `
create type "Role" as enum ('OWNER', 'MEMBER');
create table "User" ("id" text primary key, "clerkId" text not null unique, "email" text, "updatedAt" timestamp(3) not null);
create table "Workspace" (
  "id" text primary key, "clerkId" text not null unique, "name" text not null, "imageUrl" text, "membersCount" integer,
  "deletedAt" timestamp(3), "updatedAt" timestamp(3) not null
);
create table "WorkspaceMember" (
  "userId" text not null references "User" ("id"), "workspaceId" text not null references "Workspace" ("id"),
  "role" "Role" not null default 'MEMBER', "deletedAt" timestamp(3), primary key ("userId", "workspaceId")
);
insert into "User" values ('cjld2cjxh0000qzrmn831i7rn', 'user_ana', null, now())`;

/** Tables of Supabase, with Clerk's ids as keys and policies that read the token. */
const supabase = `
create schema app;
create table app.users (id text primary key, email text);
create table app.teams (id text primary key, title text);
create table app.members (
  id uuid primary key default gen_random_uuid(), user_id text references app.users (id), team_id text references app.teams (id),
  role text
);
alter table app.teams enable row level security;
create policy own on app.teams using (id = current_setting('request.jwt.claims', true)::jsonb ->> 'org_id');
insert into app.users values ('user_ana'); insert into app.teams values ('org_a', 'A')`;

test.each<[string, string, Mapping["organizations"], undecided: string[]]>([
  [
    "Drizzle's tables, beside invoices and invitations",
    drizzle,
    {
      table: "organizations",
      key: { column: "id", type: "integer" },
      columns: {
        ...{ clerkOrgId: "clerk_org_id", name: "name", slug: "slug", imageUrl: "logo_url" },
        ...{ createdAt: "created_at", updatedAt: "updated_at" },
      },
      memberships: {
        table: "organization_members",
        key: { column: "id", type: "integer" },
        ...{ user: "user_id", organization: "organization_id" },
        columns: { role: "role", createdAt: "created_at" },
      },
    },
    [],
  ],
  [
    "Prisma's models, with an enum that Clerk's roles do not fit",
    prisma,
    {
      table: "Workspace",
      key: { column: "id", type: "text" },
      columns: {
        ...{ clerkOrgId: "clerkId", name: "name", imageUrl: "imageUrl", membersCount: "membersCount" },
        ...{ deletedAt: "deletedAt", updatedAt: "updatedAt" },
      },
      memberships: {
        ...{ table: "WorkspaceMember", user: "userId", organization: "workspaceId" },
        columns: { deletedAt: "deletedAt" },
      },
    },
    [
      'WorkspaceMember.role is not taken for organizations.memberships.columns.role: it is public."Role", and Rollcall writes Clerk\'s roles as text, such as org:admin.',
    ],
  ],
  [
    "Supabase's tables in a schema, with Clerk's ids as keys",
    supabase,
    {
      table: "app.teams",
      key: { column: "id", type: "text" },
      columns: { clerkOrgId: "id", name: "title" },
      memberships: {
        table: "app.members",
        key: { column: "id", type: "uuid" },
        ...{ user: "user_id", organization: "team_id" },
        columns: { role: "role" },
      },
    },
    [],
  ],
  [
    "organizations without memberships, whose key may be Clerk's id",
    `${clerkKeys} create table orgs (id text primary key); insert into users values ('user_ana')`,
    { table: "orgs", key: { column: "id", type: "text" }, columns: { clerkOrgId: "id" } },
    [expect.stringContaining("orgs.id has no row yet")],
  ],
])("%s: the proposal is their mapping", async (_, sql, organizations, undecided) => {
  const proposal = await propose(sql);
  expect(proposal.mapping?.organizations).toEqual(organizations);
  expect(proposal.undecided).toEqual(undecided);
  expect(proposal.organizationsOff).toBeUndefined();
});

test("the default tables keep their short form, and organizations need a file", async () => {
  const sql = `
create table users (id serial primary key, clerk_id text unique);
create table mentorados (id serial primary key, user_id integer, nome_completo text);
create table organizations (
  id serial primary key, clerk_org_id text not null unique, name text, slug text, image_url text, members_count integer,
  clerk_created_at timestamptz, clerk_updated_at timestamptz, deleted_at timestamptz, created_at timestamptz, updated_at timestamptz
);
create table organization_memberships (
  id serial primary key, user_id integer references users (id), organization_id integer references organizations (id), role text,
  created_at timestamptz, updated_at timestamptz
)`;
  expect(await propose(sql)).toMatchObject({
    mapping: { ...defaultMapping, organizations: {} },
    isDefault: false,
    undecided: [],
  });
});

test.each([
  ["no table of organizations", ownKeys, "no table has a column for Clerk's organization id"],
  [
    "teams of the app's own, which Clerk does not know",
    `${clerkKeys} create table teams (id text primary key, name text); insert into teams values ('cjld2cjxh0000qzrmn831i7rn');`,
    "teams has no column for Clerk's organization id",
  ],
  [
    "teams with keys of the app's own, before the first row",
    `${ownKeys} create table teams (id text primary key, name text)`,
    "teams has no column for Clerk's organization id",
  ],
  [
    "rows that name an organization",
    `${ownKeys} create table invoices (id serial primary key, clerk_org_id text)`,
    "no table has a column",
  ],
  [
    "two tables",
    `${ownKeys} create table teams (id serial primary key, clerk_id text); create table workspaces (id serial primary key, clerk_id text)`,
    "several tables may hold them: teams, workspaces",
  ],
  [
    "two tables of members with a role",
    `${drizzle}; create table seats (user_id integer references users (id), organization_id integer references organizations (id), role text)`,
    "organization_members or seats may hold the memberships",
  ],
  [
    "a key of two columns",
    `${ownKeys} create table teams (a int, clerk_id text, primary key (a, clerk_id))`,
    "teams has no primary key of one column",
  ],
])("%s: organizations stay off, with the reason", async (_, sql, reason) => {
  const { mapping, organizationsOff } = await propose(sql);
  expect(mapping).not.toHaveProperty("organizations");
  expect(organizationsOff).toContain(reason);
});

test("members and accounts that refer to the users are no second table of users", async () => {
  const { mapping } = await propose(supabase);
  expect(mapping?.users.table).toBe("app.users");
});
