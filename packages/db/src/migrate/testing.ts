import type { Mapping } from "@rollcall/contracts";
import type { Queryable } from "../pool.ts";

/** The objects that a migration could change, with their definitions. */
const everything = `
select 'schema' as kind, nspname::text as name, null as definition
from pg_namespace where nspname !~ '^pg_'
union all
select 'column', format('%s.%s.%s', table_schema, table_name, column_name),
       concat_ws(' ', ordinal_position, data_type, udt_name, character_maximum_length, is_nullable, column_default)
from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
union all
select 'constraint', format('%s.%s', conrelid::regclass, conname), pg_get_constraintdef(oid)
from pg_constraint where connamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
union all
select 'index', indexname, indexdef from pg_indexes where schemaname not in ('pg_catalog', 'information_schema')
union all
select 'sequence', format('%s.%s', schemaname, sequencename), data_type::text from pg_sequences
union all
select 'type', typname, null from pg_type where typnamespace = 'public'::regnamespace
order by 1, 2, 3
`;

/** For tests: two dumps are equal if nothing changed between them. */
export async function dumpDatabase(db: Queryable): Promise<unknown> {
  const objects = (await db.query(everything)).rows;
  return { objects, users: await dumpRows(db, "users"), mentorados: await dumpRows(db, "mentorados") };
}

/** For tests: the rows of a table of the app, with all its columns; null without the table. */
export async function dumpRows(db: Queryable, table: "users" | "mentorados"): Promise<unknown> {
  const exists = await db.query(`select from pg_class where oid = to_regclass('public.${table}')`);
  if (exists.rows.length === 0) return null;
  const result = await db.query(`select to_jsonb(t) as row from public.${table} t order by to_jsonb(t)`);
  return result.rows.map(({ row }) => row);
}

/** For tests: a live app of Drizzle, with more columns than ours, rows, and Drizzle's own migrations table. */
export const liveApp = `
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
insert into drizzle.__drizzle_migrations (hash, created_at) values ('0000', 1), ('0001', 99999999999999);

create table public.users (
  id             serial primary key,
  clerk_id       varchar(64) not null,
  name           text,
  email          varchar(320) not null,
  login_method   varchar(64),
  created_at     timestamp default now() not null,
  updated_at     timestamp not null,
  last_signed_in timestamp not null default now(),
  constraint app_clerk_id unique (clerk_id)
);
create table public.mentorados (
  id            serial primary key,
  user_id       integer references public.users (id),
  nome_completo varchar(255) not null,
  email         varchar(320),
  meta_leads    integer not null default 7,
  onboarding    jsonb not null default '{}',
  created_at    timestamp,
  updated_at    timestamp not null
);
insert into public.users (clerk_id, name, email, login_method, updated_at) values
  ('user_ana', 'Ana', 'ana@example.com', 'google', '2026-01-01'),
  ('user_bia', 'Bia', 'bia@example.com', null,     '2026-01-01');
insert into public.mentorados (user_id, nome_completo, email, onboarding, created_at, updated_at) values
  (1,    'Ana A.', 'ana@example.com', '{"step": 3}', '2026-01-02', '2026-01-02'),
  (null, 'Carla',  'car@example.com', '{}',          null,         '2026-01-02');
`;

/** For tests: apps with tables of their own, rows, and foreign keys into their tables. */
export type MappedApp = { mapping: Mapping; sql: string };

/** The key is the Clerk id, and there is no profile. */
const clerkIdAsKey: MappedApp = {
  mapping: {
    users: {
      table: "users",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "id", email: "email", tier: "tier" },
    },
    profile: null,
  },
  sql: `
create table public.users (id text primary key, email text, tier text);
create table public.posts (id serial primary key, author text not null references public.users (id) on delete cascade);
insert into public.users values ('user_ana', 'ana@example.com', 'gold'), ('user_bia', 'bia@example.com', null);
insert into public.posts (author) values ('user_ana');
`,
};

/** What `prisma migrate` makes of two models. Prisma's client makes the keys and fills `updatedAt`. */
const prisma: MappedApp = {
  mapping: {
    users: {
      table: "User",
      key: { column: "id", type: "text" },
      state: "added",
      columns: {
        clerkId: "clerkId",
        email: "email",
        name: "name",
        tier: "plan",
        createdAt: "createdAt",
        updatedAt: "updatedAt",
      },
    },
    profile: {
      name: "profile",
      table: "Profile",
      link: "userId",
      key: { column: "id", type: "text" },
      updatedAt: "updatedAt",
      columns: { displayName: { from: "name", default: "New User" }, email: { from: "email" } },
    },
  },
  sql: `
create type public."Plan" as enum ('FREE', 'PRO');
create table public."User" (
  "id" text not null, "clerkId" text not null, "email" text, "name" text, "plan" public."Plan" not null default 'FREE',
  "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null,
  constraint "User_pkey" primary key ("id")
);
create unique index "User_clerkId_key" on public."User" ("clerkId");
create table public."Profile" (
  "id" text not null, "userId" text, "displayName" text not null, "email" text,
  "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null,
  constraint "Profile_pkey" primary key ("id")
);
create unique index "Profile_userId_key" on public."Profile" ("userId");
alter table public."Profile" add constraint "Profile_userId_fkey"
  foreign key ("userId") references public."User" ("id") on delete set null on update cascade;
insert into public."User" ("id", "clerkId", "email", "name", "plan", "updatedAt") values
  ('cjld2cjxh0000qzrmn831i7rn', 'user_ana', 'ana@example.com', 'Ana', 'PRO', now());
insert into public."Profile" ("id", "userId", "displayName", "updatedAt") values
  ('cjld2cyuq0000t3rmniod1foy', 'cjld2cjxh0000qzrmn831i7rn', 'Ana A.', now());
`,
};

/** A schema of its own, uuid keys, and an enum. */
const uuidKeys: MappedApp = {
  mapping: {
    users: {
      table: "app.members",
      key: { column: "id", type: "uuid" },
      state: "added",
      columns: { clerkId: "clerk_id", email: "email", name: "full_name", tier: "plan" },
    },
    profile: {
      name: "profile",
      table: "app.profiles",
      link: "user_id",
      key: { column: "id", type: "uuid" },
      columns: {
        display_name: { from: "name", default: "New User" },
        email: { from: "email" },
        track: { from: "publicMetadata.track", allowed: ["neon", "estrutura"], default: "neon" },
      },
    },
  },
  sql: `
create schema app;
create type app.track as enum ('neon', 'estrutura');
create domain app.plan as text default 'starter' check (value in ('starter', 'pro'));
create table app.members (
  id uuid primary key default gen_random_uuid(), clerk_id text not null, email text, full_name text, plan app.plan not null
);
create table app.profiles (
  id uuid primary key default gen_random_uuid(), user_id uuid references app.members (id),
  display_name text not null, email text, track app.track not null
);
create table app.notes (id serial primary key, member uuid references app.members (id) on delete restrict);
insert into app.members (id, clerk_id, email) values ('00000000-0000-4000-8000-000000000001', 'user_ana', 'ana@example.com');
insert into app.profiles (user_id, display_name, track) values ('00000000-0000-4000-8000-000000000001', 'Ana', 'estrutura');
insert into app.notes (member) values ('00000000-0000-4000-8000-000000000001');
`,
};

/** Identity keys, camelCase names, a generated column, and row-level security that the owner passes. */
const camelCase: MappedApp = {
  mapping: {
    users: {
      table: "AppUsers",
      key: { column: "userId", type: "bigint" },
      state: "added",
      columns: { clerkId: "clerkId", email: "emailAddress", banned: "isBanned", createdAt: "createdAt" },
    },
    profile: null,
  },
  sql: `
create table public."AppUsers" (
  "userId" bigint generated always as identity primary key, "clerkId" varchar(64) not null unique, "emailAddress" text,
  "emailDomain" text generated always as (split_part("emailAddress", '@', 2)) stored,
  "isBanned" boolean, "createdAt" timestamptz not null default now()
);
alter table public."AppUsers" enable row level security;
create policy own on public."AppUsers" using ("clerkId" = current_setting('app.user', true));
create table public."AppPosts" (id serial primary key, "authorId" bigint references public."AppUsers" ("userId"));
insert into public."AppUsers" ("clerkId", "emailAddress") values ('user_ana', 'ana@example.com');
insert into public."AppPosts" ("authorId") values (1);
`,
};

export const mappedApps = { clerkIdAsKey, prisma, uuidKeys, camelCase };

/** The same app with separate state. Its table has itself what Rollcall may not add. */
export const separate = ({ mapping, sql }: MappedApp): MappedApp => ({
  mapping: { ...mapping, users: { ...mapping.users, state: "separate" } },
  sql: sql === uuidKeys.sql ? `${sql}; alter table app.members add unique (clerk_id)` : sql,
});
