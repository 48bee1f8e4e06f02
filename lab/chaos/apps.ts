import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createTables, type Tables as TableNames } from "@rollcall/db";

/** The app whose tables a run keeps in step. */
export type App = {
  mapping: Mapping;
  /** The tables and columns of the mapping, quoted. */
  names: TableNames;
  /** Makes the app's tables before migrate; undefined if migrate makes them. */
  tables: string | undefined;
  /** The app inserts a profile for the user of the Clerk id $1. Undefined without profiles. */
  insertProfile: string | undefined;
  /** The app inserts a profile without a user, for the address $1. Undefined: a run has no such profiles. */
  invite: string | undefined;
};

export const appNames = ["default", "clerk-id", "prisma", "organizations"] as const;

export type AppName = (typeof appNames)[number];

/** Users alone, whose key is the Clerk id. */
const clerkId: Mapping = {
  users: {
    table: "users",
    key: { column: "id", type: "text" },
    state: "added",
    columns: { clerkId: "id", email: "email", tier: "tier" },
  },
  profile: null,
};

/** Two models of Prisma, whose client makes the keys and fills `updatedAt`. */
const prisma: Mapping = {
  users: {
    table: "User",
    key: { column: "id", type: "text" },
    state: "added",
    columns: {
      clerkId: "clerkId",
      email: "email",
      name: "name",
      tier: "plan",
      deletedAt: "deletedAt",
      createdAt: "createdAt",
      updatedAt: "updatedAt",
    },
  },
  profile: {
    name: "profile",
    table: "Profile",
    link: "userId",
    key: { column: "id", type: "uuid" },
    updatedAt: "updatedAt",
    columns: { displayName: { from: "name", default: "New member" }, email: { from: "email" } },
  },
};

const ownTables = {
  tables: undefined,
  // The row is locked, so the user is neither banned nor deleted between the check and the insert.
  insertProfile: `
insert into public.mentorados (user_id, nome_completo)
select id, 'By hand' from public.users
where clerk_id = $1 and deleted_at is null and not banned and role <> 'admin'
for share`,
  invite: undefined,
};

export const apps: Readonly<Record<AppName, App>> = {
  default: describeApp({ mapping: defaultMapping, ...ownTables }),
  organizations: describeApp({ mapping: { ...defaultMapping, organizations: {} }, ...ownTables }),
  "clerk-id": describeApp({
    mapping: clerkId,
    tables: "create table public.users (id text primary key, email text, tier text)",
    insertProfile: undefined,
    invite: undefined,
  }),
  prisma: describeApp({
    mapping: prisma,
    // Prisma's times have no zone. In a server with another zone than UTC, a write in the wrong one is hours off.
    tables: `
alter role current_user set timezone = 'America/Sao_Paulo';
create type public."Plan" as enum ('FREE', 'PRO');
create table public."User" (
  "id" text not null, "clerkId" text not null, "email" text, "name" text, "plan" public."Plan" not null default 'FREE',
  "deletedAt" timestamp(3), "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null,
  constraint "User_pkey" primary key ("id")
);
create unique index "User_clerkId_key" on public."User" ("clerkId");
create table public."Profile" (
  "id" uuid not null, "userId" text, "displayName" text not null, "email" text,
  "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null,
  constraint "Profile_pkey" primary key ("id")
);
create unique index "Profile_userId_key" on public."Profile" ("userId");
alter table public."Profile" add constraint "Profile_userId_fkey"
  foreign key ("userId") references public."User" ("id") on delete set null on update cascade`,
    insertProfile: `
insert into public."Profile" ("id", "userId", "displayName", "updatedAt")
select gen_random_uuid(), "id", 'By hand', now() at time zone 'utc' from public."User"
where "clerkId" = $1 and "deletedAt" is null and not banned and role <> 'admin'
for share`,
    invite: `
insert into public."Profile" ("id", "displayName", "email", "updatedAt")
values (gen_random_uuid(), 'Invited', $1, now() at time zone 'utc')`,
  }),
};

function describeApp(app: Omit<App, "names">): App {
  return { ...app, names: createTables(app.mapping) };
}
