import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { expect, inject, onTestFinished, test } from "vitest";
import { findSchemaProblems, findTableProblems } from "../app-schema/find-schema-problems.ts";
import { pruneUnknownTombstones } from "../deletions.ts";
import { createPool, type Pool } from "../pool.ts";
import { makeSnapshot, writeUsers } from "../testing.ts";
import { planAdoption } from "./adoption/plan-adoption.ts";
import { MigrationRefusal } from "./adoption/refuse-unfit.ts";
import { listNeededMigrations, migrateDown, migrateUp, planMigration, restoreTables } from "./migrate.ts";
import { dumpDatabase, liveApp, type MappedApp, mappedApps, separate } from "./testing.ts";

async function openApp({ mapping, sql }: MappedApp): Promise<Pool> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const pool = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  await pool.query(sql);
  return pool;
}

const { clerkIdAsKey, prisma, uuidKeys, camelCase } = mappedApps;
const withoutProfile = ({ mapping, sql }: MappedApp): MappedApp => ({
  mapping: { ...mapping, profile: null },
  sql,
});

async function revertEverything(pool: Pool): Promise<void> {
  while ((await migrateDown(pool)) !== undefined);
}

/** The app's rows, with the columns that it had before. */
async function readRows(pool: Pool, app: MappedApp): Promise<unknown[]> {
  const tables = [...app.sql.matchAll(/create table (\S+) \(/g)].map(([, table]) => table);
  const rows: unknown[] = [];
  for (const table of tables)
    rows.push((await pool.query(`select to_jsonb(t) as row from ${table} t order by 1`)).rows);
  return rows;
}

const adoptable: Record<string, MappedApp> = {
  "whose key is the Clerk id": clerkIdAsKey,
  "with uuid keys in a schema of its own": withoutProfile(uuidKeys),
  "with camelCase, identity and row-level security": camelCase,
  "with profiles, uuid keys and an enum": uuidKeys,
  "of Prisma, with profiles": prisma,
};

test.each(Object.entries(adoptable))(
  "an app %s goes up, down and up again, and keeps its rows and keys",
  async (_, app) => {
    const pool = await openApp(app);
    const known = (await listNeededMigrations(pool)).map(({ id }) => id);
    const before = await readRows(pool, app);
    const constraints =
      "select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'f' and connamespace::regnamespace::text <> 'rollcall' order by 1";
    const foreignKeys = (await pool.query(constraints)).rows;

    expect(await migrateUp(pool)).toEqual(known);
    const up = await dumpDatabase(pool);
    expect(await migrateUp(pool)).toEqual([]);
    expect(await findSchemaProblems(pool)).toEqual([]);
    expect(await restoreTables(pool)).toEqual({ restored: [], left: [] });
    expect(JSON.stringify(up)).not.toMatch(/public\.mentorados|mentorados_near_email/);
    expect(await pruneUnknownTombstones(pool)).toBe(0);

    await revertEverything(pool);
    expect(await readRows(pool, app)).toMatchObject(fillTiers(before));
    expect(await migrateUp(pool)).toEqual(known);
    expect(await dumpDatabase(pool)).toEqual(up);
    expect((await pool.query(constraints)).rows).toEqual(foreignKeys);
  },
);

/** Rows without a value that Rollcall needs have its default. */
function fillTiers(rows: unknown[]): unknown[] {
  return JSON.parse(JSON.stringify(rows), (key, value) => {
    if (value !== null) return value;
    return { tier: "FREE", isBanned: false }[key] ?? null;
  });
}

const describeTimes = `
select attrelid::regclass::text as table, attname as column, format_type(atttypid, atttypmod) as type, attnotnull as "isRequired",
       atthasdef as "hasDefault"
from pg_attribute where attrelid in ('public."User"'::regclass, 'public."Profile"'::regclass) and attname in ('createdAt', 'updatedAt')
order by 1, 2`;

test("required times of Prisma that the mapping names stay as they are, and Rollcall writes them", async () => {
  const pool = await openApp({
    mapping: prisma.mapping,
    sql: `${prisma.sql}; alter table public."User" alter column "createdAt" drop default`,
  });
  const before = (await pool.query(describeTimes)).rows;
  await migrateUp(pool);
  expect((await pool.query(describeTimes)).rows).toEqual(before);
  expect(await findSchemaProblems(pool)).toEqual([]);
  await writeUsers(pool, [makeSnapshot()]);
  const written = await pool.query(`
    select t <= now() at time zone 'utc' and t > now() at time zone 'utc' - interval '1 minute' as "isNow"
    from public."User" u join public."Profile" p on p."userId" = u."id",
      unnest(array[u."createdAt", u."updatedAt", p."createdAt", p."updatedAt"]) as t
    where u."clerkId" = 'user_a'`);
  expect(written.rows).toEqual(Array(4).fill({ isNow: true }));
});

test("a required time that the mapping does not name gets a default, because Rollcall does not write it", async () => {
  const { mapping, sql } = withoutProfile(prisma);
  const { updatedAt: _, ...columns } = mapping.users.columns;
  const pool = await openApp({ mapping: { ...mapping, users: { ...mapping.users, columns } }, sql });
  expect(await planAdoption(pool)).toContain(
    `alter table public."User" alter column "updatedAt" set default (now() at time zone 'utc')`,
  );
  await migrateUp(pool);
  expect(await findSchemaProblems(pool)).toEqual([]);
});

test("users of an app with every default name keep their times too", async () => {
  const pool = await openApp({
    mapping: { users: defaultMapping.users, profile: null },
    sql: `
create table public.users (
  id serial primary key, clerk_id text not null unique, email text, email_verified boolean not null default false,
  name text, image_url text, role text not null default 'user', tier text not null default 'FREE',
  banned boolean not null default false, deleted_at timestamp(3), created_at timestamp(3) not null,
  updated_at timestamp(3) not null
)`,
  });
  expect((await planAdoption(pool)).join()).not.toMatch(/(created|updated)_at set default/);
  await migrateUp(pool);
  await writeUsers(pool, [makeSnapshot()]);
  const events = await pool.query("select kind from rollcall.events");
  expect(events.rows).toEqual([{ kind: "user_created" }]);
});

test("a Prisma model with keys of the database is adopted, and its times stay its own", async () => {
  const { mapping, sql } = withoutProfile(prisma);
  const { createdAt: _c, updatedAt: _u, ...columns } = mapping.users.columns;
  const pool = await openApp({
    mapping: { ...mapping, users: { ...mapping.users, columns } },
    sql: `${sql}; alter table public."User" alter column "id" set default gen_random_uuid()`,
  });
  await migrateUp(pool);
  expect(await findSchemaProblems(pool)).toEqual([]);
});

test("a trigger that changes the time of creation hides no new user", async () => {
  const { mapping, sql } = camelCase;
  const pool = await openApp({
    mapping,
    sql: `${sql}
create function public.backdate() returns trigger language plpgsql as 'begin new."createdAt" := ''2026-01-01''; return new; end';
create trigger backdate before insert on public."AppUsers" for each row execute function public.backdate()`,
  });
  await migrateUp(pool);
  await writeUsers(pool, [makeSnapshot()]);
  expect((await pool.query("select kind from rollcall.events")).rows).toEqual([{ kind: "user_created" }]);
});

test.each([
  ["Prisma's models", prisma],
  ["profiles with uuid keys and an enum", uuidKeys],
])("%s: the plan adds what profiles lack, and links of the app count as old", async (_, app) => {
  const pool = await openApp(app);
  for (const statement of await planAdoption(pool)) await pool.query(statement);
  expect(await findTableProblems(pool, ["users", "profile"])).toEqual([]);
  const { profile } = pool.tables;
  const rows = await pool.query(
    `select linked_at is not null as "isLinked" from ${profile?.table} where ${profile?.link} is not null`,
  );
  expect(rows.rows).toEqual([{ isLinked: true }]);
});

test.each(
  Object.entries({
    ...adoptable,
    "of the default tables": { mapping: defaultMapping, sql: liveApp },
    "with separate state": separate(uuidKeys),
  }),
)("an app %s: the printed statements are those of migrate", async (_, app) => {
  const [printed, migrated] = [await openApp(app), await openApp(app)];
  const before = await dumpDatabase(printed);
  const { problems, statements } = await planMigration(printed);
  expect(problems).toEqual([]);
  expect(await dumpDatabase(printed)).toEqual(before);
  await printed.query(["begin", ...statements, "commit"].join(";\n"));
  await migrateUp(migrated);
  const withoutTimes = async (pool: Pool) =>
    JSON.stringify(await dumpDatabase(pool)).replaceAll(/\d{4}-\d\d-\d\dT[^"]*/g, "");
  expect(await withoutTimes(printed)).toBe(await withoutTimes(migrated));
  expect(await planMigration(migrated)).toEqual({ problems: [], statements: [], later: [] });
});

test("a mapping that changed since the migration is named, and nothing is written under it", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const open = (mapping: Mapping) => {
    // As migrate and doctor open it. Any other pool runs no statement under another mapping.
    const options = { databaseUrl, mapping, checksMapping: false, applicationName: "test" };
    const pool = createPool({ ...options, onIdleError: () => undefined });
    onTestFinished(() => pool.end());
    return pool;
  };
  const { mapping, sql } = withoutProfile(uuidKeys);
  const pool = open(mapping);
  await pool.query(sql);
  await migrateUp(pool);
  await pool.query(`
    create table app.people (id uuid primary key, clerk_id text, email text, full_name text, plan text);
    create table app.customers (id bigint primary key, clerk_id text, email text, full_name text, plan text)`);
  const before = await dumpDatabase(pool);
  const table = (name: string, change: Partial<Mapping["users"]> = {}): Mapping => ({
    ...mapping,
    users: { ...mapping.users, table: name, ...change },
  });
  const says = (field: string, now: string, then: string) =>
    `${field} of the mapping is ${now}, but the database was migrated with ${then}: set it back, or revert every migration with the old mapping first`;
  const changed: [Mapping, string[]][] = [
    [table("app.people"), [says("users.table", "app.people", "app.members")]],
    [
      table("app.customers", { key: { column: "id", type: "bigint" } }),
      [says("users.table", "app.customers", "app.members"), says("users.key.type", "bigint", "uuid")],
    ],
    [uuidKeys.mapping, [says("profile.table", "app.profiles", "no profiles")]],
  ];
  for (const [other, problems] of changed) {
    const wrong = open(other);
    expect((await findSchemaProblems(wrong)).map((problem) => problem.says)).toEqual(problems);
    expect((await wrong.schema.check()).length).toBe(problems.length);
    expect(wrong.schema.isBroken()).toBe(true);
    expect(await planMigration(wrong)).toEqual({ problems, statements: [], later: [] });
    await expect(migrateUp(wrong)).rejects.toMatchObject({ problems });
    expect((await restoreTables(wrong)).restored).toEqual([]);
  }
  expect(await dumpDatabase(pool)).toEqual(before);
  expect(await findSchemaProblems(pool)).toEqual([]);
});

test("a field that is mapped later is recorded, and a full sync is requested that fills it", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const open = (mapping: Mapping) => {
    const options = { databaseUrl, mapping, checksMapping: false, applicationName: "test" };
    const pool = createPool({ ...options, onIdleError: () => undefined });
    onTestFinished(() => pool.end());
    return pool;
  };
  const { mapping, sql } = clerkIdAsKey;
  const before = open(mapping);
  await before.query(`${sql}; alter table public.users add column full_name text`);
  await migrateUp(before);
  expect(await restoreTables(before)).toEqual({ restored: [], left: [] });
  const columns = { ...mapping.users.columns, name: "full_name" };
  const after = open({ ...mapping, users: { ...mapping.users, columns } });
  expect(await restoreTables(after)).toEqual({ restored: [], left: [], remapped: ["users.columns.name"] });
  expect(await restoreTables(after)).toEqual({ restored: [], left: [] });
  const runs = await after.query("select mode, dry_run, state, started_by from rollcall.runs");
  expect(runs.rows).toEqual([{ mode: "full", dry_run: false, state: "waiting", started_by: "migrate" }]);
});

test("names of any form stay names", async () => {
  const table = `Us"er's $$ %s {{users}} $body0$`;
  const quoted = `"${table.replaceAll('"', '""')}"`;
  const pool = await openApp({
    mapping: {
      users: {
        table,
        key: { column: "i'd%", type: "bigint" },
        state: "added",
        columns: { clerkId: 'clerk"id', email: "select", deletedAt: "deleted $$" },
      },
      profile: null,
    },
    sql: `
create table public.${quoted} (
  "i'd%" bigint generated by default as identity primary key, "clerk""id" text, "select" text, "deleted $$" timestamptz
);
create table public.posts ("user" bigint references public.${quoted});
insert into public.${quoted} ("clerk""id") values ('user_ana'), ('user_gone'), ('user_used');
insert into public.posts values (3);
`,
  });
  await migrateUp(pool);
  await pool.query(`
    update public.${quoted} set "deleted $$" = now() - interval '2 days' where "clerk""id" <> 'user_ana';
    insert into rollcall.events (at, clerk_id, kind, cause, details)
    select now() - interval '2 days', id, 'user_tombstoned', 'webhook', '{"wasUnknown": true}'
    from unnest(array['user_gone', 'user_used']) as id`);
  expect(await pruneUnknownTombstones(pool)).toBe(1);
  expect(await findSchemaProblems(pool)).toEqual([]);
  await revertEverything(pool);
  const left = await pool.query(`select "clerk""id" as id from public.${quoted} order by 1`);
  expect(left.rows).toEqual([{ id: "user_ana" }, { id: "user_used" }]);
});

/** The reasons for the refusal. It also checks that nothing changed. */
async function readRefusal(app: MappedApp): Promise<readonly string[]> {
  const pool = await openApp(app);
  const before = await dumpDatabase(pool);
  const error = await migrateUp(pool).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MigrationRefusal);
  expect(await dumpDatabase(pool)).toEqual(before);
  expect((await planMigration(pool)).problems).toEqual((error as MigrationRefusal).problems);
  return (error as MigrationRefusal).problems;
}

test("a table that does not exist is the app's to make", async () => {
  const { mapping } = clerkIdAsKey;
  expect(await readRefusal({ mapping, sql: "" })).toEqual([
    "public.users does not exist, but users.table names it: the app makes it, and Rollcall adds columns",
  ]);
  expect(await readRefusal({ mapping: uuidKeys.mapping, sql: "create schema app" })).toEqual([
    "app.members does not exist, but users.table names it: the app makes it, and Rollcall adds columns",
    "app.profiles does not exist, but profile.table names it: the app makes it, and Rollcall adds columns",
  ]);
});

test("every problem of a mapping is named at once", async () => {
  const problems = await readRefusal({
    mapping: {
      users: {
        table: "app.members",
        key: { column: "id", type: "uuid" },
        state: "added",
        columns: { clerkId: "clerk_id", email: "mail", name: "full_name", tier: "plan", role: "kind" },
      },
      profile: {
        name: "profile",
        table: "app.profiles",
        link: "user_id",
        key: { column: "id", type: "uuid" },
        columns: {
          display_name: { from: "name" },
          track: { from: "publicMetadata.track", allowed: ["neon", "other"], default: "neon" },
        },
      },
    },
    sql: `
create schema app;
create type app.kind as enum ('user', 'owner');
create type app.track as enum ('neon');
create table app.members (
  id bigint primary key, clerk_id uuid, mail text not null, full_name text generated always as (mail) stored,
  kind app.kind, banned boolean, phone text not null
);
create table app.profiles (id uuid primary key, user_id uuid not null, display_name text not null, track app.track,
  created_at timestamp(3) not null default now());
`,
  });
  expect(problems).toEqual([
    "app.members.id is bigint, but must be uuid: change its type, or users.key.column",
    "app.members.clerk_id is uuid, but must be text, or varchar of at least 32: change its type, or users.columns.clerkId",
    "app.members.full_name is a generated column, but Rollcall writes it",
    "app.members.kind lacks a value: alter type app.kind add value 'admin'",
    "app.members.phone is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
    "app.members.mail is NOT NULL, but must be able to be null, because Clerk has users without it, and a deleted user has none: alter table app.members alter column mail drop not null",
    "app.members.plan does not exist, but users.columns.tier names it",
    "app.members.banned is the app's own, and the mapping does not name it: set users.columns.banned, or rename it",
    "app.profiles.track lacks a value: alter type app.track add value 'other'",
    "app.profiles.user_id is NOT NULL, but must be able to be null, because a profile outlives its user: alter table app.profiles alter column user_id drop not null",
    "app.profiles.display_name is NOT NULL, but must be able to be null, because the mapping gives it no default, or a purge erases it: alter table app.profiles alter column display_name drop not null",
  ]);
});

test("Clerk ids that rows share, and a unique email, are refused by the app's own names", async () => {
  const problems = await readRefusal({
    mapping: withoutProfile(camelCase).mapping,
    sql: `
create table public."AppUsers" ("userId" bigint generated always as identity primary key, "clerkId" text,
  "emailAddress" text unique, "isBanned" boolean, "createdAt" timestamptz);
insert into public."AppUsers" ("clerkId") values ('user_a'), ('user_a'), (null);
`,
  });
  expect(problems).toEqual([
    `public.AppUsers.emailAddress is unique ("AppUsers_emailAddress_key"), but people may share it: drop that (alter table public."AppUsers" drop constraint "AppUsers_emailAddress_key")`,
    "public.AppUsers.clerkId must have a value, but is null in AppUsers 3",
    "public.AppUsers.clerkId must be unique, but rows share it:\n    clerkId user_a: AppUsers 1, 2",
  ]);
});

test("models as most apps of Prisma have them: each line says what to do", async () => {
  const users = prisma.mapping.users;
  const profile = prisma.mapping.profile as NonNullable<Mapping["profile"]>;
  const problems = await readRefusal({
    mapping: {
      users: {
        ...users,
        key: { column: "id", type: "integer" },
        columns: { clerkId: "clerkId", email: "email", name: "name", role: "role", updatedAt: "updatedAt" },
      },
      profile: { ...profile, columns: { displayName: { from: "name" } } },
    },
    // Int @id @default(autoincrement()), String @id @default(cuid()), @unique, an enum, @updatedAt, onDelete: Cascade.
    sql: `
create type public."Role" as enum ('USER', 'ADMIN');
create table public."User" (
  "id" serial not null, "clerkId" text not null, "email" text not null, "name" text,
  "role" public."Role" not null default 'USER', "updatedAt" timestamp(3) not null,
  constraint "User_pkey" primary key ("id")
);
create unique index "User_clerkId_key" on public."User" ("clerkId");
create unique index "User_email_key" on public."User" ("email");
create table public."Profile" (
  "id" text not null, "userId" integer not null, "displayName" text not null, "handle" text not null,
  "updatedAt" timestamp(3) not null,
  constraint "Profile_pkey" primary key ("id")
);
create unique index "Profile_userId_key" on public."Profile" ("userId");
create unique index "Profile_handle_key" on public."Profile" ("handle");
alter table public."Profile" add constraint "Profile_userId_fkey"
  foreign key ("userId") references public."User" ("id") on delete cascade on update cascade;
`,
  });
  expect(problems).toEqual([
    `public.User.role lacks a value: alter type "Role" rename value 'USER' to 'user'`,
    `public.User.role lacks a value: alter type "Role" rename value 'ADMIN' to 'admin'`,
    `public.User.email is NOT NULL, but must be able to be null, because Clerk has users without it, and a deleted user has none: alter table public."User" alter column email drop not null`,
    "public.Profile.handle is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
    `public.Profile.userId is NOT NULL, but must be able to be null, because a profile outlives its user: alter table public."Profile" alter column "userId" drop not null`,
    `public.Profile.displayName is NOT NULL, but must be able to be null, because the mapping gives it no default, or a purge erases it: alter table public."Profile" alter column "displayName" drop not null`,
    `public.User.email is unique ("User_email_key"), but people may share it: drop that (drop index public."User_email_key")`,
  ]);
});

test.each([
  ["timestamptz not null default now()", "", "the app's own, and NOT NULL"],
  ["integer", "", "integer, but must be timestamp with time zone, or timestamp: rename it"],
  [
    "timestamp",
    `insert into app.profiles (id, display_name, track, linked_at) select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'x', 'neon', now() from generate_series(2, 3) n`,
    "the app's own, and has a value in rows without a user: profiles 00000000-0000-4000-8000-000000000002, 00000000-0000-4000-8000-000000000003",
  ],
])("a column linked_at of the app as %s has another meaning and is refused", async (type, rows, says) => {
  const { mapping, sql } = uuidKeys;
  const problems = await readRefusal({
    mapping,
    sql: `${sql}; alter table app.profiles add linked_at ${type}; ${rows}`,
  });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(`app.profiles.linked_at is ${says}`);
  expect(problems[0]).toContain("rename");
});

test("a column linked_at that only linked profiles fill is taken, and Rollcall's own is known again", async () => {
  const { mapping, sql } = uuidKeys;
  const pool = await openApp({
    mapping,
    sql: `${sql}; alter table app.profiles add linked_at timestamptz; update app.profiles set linked_at = '2026-01-01'`,
  });
  await migrateUp(pool);
  // The profile of a deleted user keeps the time.
  await pool.query("update app.profiles set user_id = null");
  const marks = "select linked_at::text from app.profiles";
  expect((await pool.query(marks)).rows).toEqual([{ linked_at: expect.stringMatching(/^2026-01-01/) }]);
  await revertEverything(pool);
  await migrateUp(pool);
  expect((await pool.query(marks)).rows).toEqual([{ linked_at: expect.stringMatching(/^2026-01-01/) }]);
});

/** The definitions of everything in schemas of the app, and what its tables grant. */
async function dumpApp(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query(`
    with app as (
      select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'rollcall')
    )
    select c.relname, c.relkind, c.relowner::regrole::text as owner, c.relacl::text as grants, c.relrowsecurity,
      array(select concat_ws(' ', a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
              (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum))
            from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum) as columns,
      array(select pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = c.oid order by 1) as indexes,
      array(select k.conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = c.oid order by 1) as constraints,
      array(select pg_get_triggerdef(t.oid) from pg_trigger t where t.tgrelid = c.oid order by 1) as triggers,
      array(select p.polname from pg_policy p where p.polrelid = c.oid) as policies
    from app c order by c.oid`);
  return rows;
}

const separable: Record<string, MappedApp> = Object.fromEntries(
  Object.entries(adoptable).map(([name, app]) => [name, separate(app)]),
);

test.each(Object.entries(separable))(
  "an app %s with separate state: up, down and up again leave its tables and rows exactly as they are",
  async (_, app) => {
    const pool = await openApp(app);
    const known = (await listNeededMigrations(pool)).map(({ id }) => id);
    const before = [await dumpApp(pool), await readRows(pool, app)];
    for (const _again of [1, 2]) {
      expect(await migrateUp(pool)).toEqual(known);
      expect(await findSchemaProblems(pool)).toEqual([]);
      expect(await restoreTables(pool)).toEqual({ restored: [], left: [] });
      expect([await dumpApp(pool), await readRows(pool, app)]).toEqual(before);
      expect(await pruneUnknownTombstones(pool)).toBe(0);
      await revertEverything(pool);
      expect([await dumpApp(pool), await readRows(pool, app)]).toEqual(before);
    }
    const left = await pool.query(
      "select relname from pg_class where relnamespace = to_regnamespace('rollcall') and relkind = 'r'",
    );
    expect(left.rows).toEqual([{ relname: "migrations" }]);
  },
);

test("the tables of separate state are made for no other mapping", async () => {
  const pool = await openApp(clerkIdAsKey);
  await migrateUp(pool);
  const made = await pool.query(
    "select from pg_class where relname in ('user_states', 'profile_links') and relnamespace = 'rollcall'::regnamespace",
  );
  expect(made.rows).toEqual([]);
});

test("links that the app made before count as old, and a state has the time of the migration", async () => {
  const pool = await openApp(separate(prisma));
  await migrateUp(pool);
  const links = await pool.query("select profile_key, user_key from rollcall.profile_links");
  expect(links.rows).toEqual([
    { profile_key: "cjld2cyuq0000t3rmniod1foy", user_key: "cjld2cjxh0000qzrmn831i7rn" },
  ]);
  const states = await pool.query("select clerk_id, read_ticket from rollcall.user_states");
  expect(states.rows).toEqual([{ clerk_id: "user_ana", read_ticket: null }]);
});

test("with separate state, what the app's tables lack is named at once, and the app adds it", async () => {
  const { mapping } = separate(uuidKeys);
  const problems = await readRefusal({
    mapping,
    sql: `
create schema app;
create table app.members (
  id uuid primary key default gen_random_uuid(), clerk_id text, email text not null, full_name varchar(20),
  plan text not null, updated_at timestamp(3) not null
);
create table app.profiles (
  id uuid primary key default gen_random_uuid(), user_id uuid not null references app.members (id),
  display_name text not null, email text, track text not null
);
insert into app.members (id, clerk_id, email, plan, updated_at) values
  ('00000000-0000-4000-8000-000000000001', 'user_a', '', '', now()),
  ('00000000-0000-4000-8000-000000000002', 'user_a', '', '', now());
insert into app.profiles (id, user_id, display_name, track)
select ('00000000-0000-4000-8000-00000000001' || n)::uuid, '00000000-0000-4000-8000-000000000001', 'Ana', 'neon'
from generate_series(1, 2) n;
`,
  });
  expect(problems).toEqual([
    "app.members.full_name is character varying(20), but must be text, or varchar of at least 100: change its type, or users.columns.name",
    "app.members.plan is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
    "app.members.updated_at is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
    "app.members.email is NOT NULL, but must be able to be null, because Clerk has users without it, and a deleted user has none: alter table app.members alter column email drop not null",
    "app.profiles.user_id is NOT NULL, but must be able to be null, because a profile outlives its user: alter table app.profiles alter column user_id drop not null",
    "app.members.clerk_id has no unique key (members_clerk_id_unique): alter table app.members add constraint members_clerk_id_unique unique (clerk_id)",
    "app.members.clerk_id must be unique, but rows share it:\n    clerk_id user_a: members 00000000-0000-4000-8000-000000000001, 00000000-0000-4000-8000-000000000002",
    "app.profiles.user_id must be unique, but rows share it:\n    user_id 00000000-0000-4000-8000-000000000001: profiles 00000000-0000-4000-8000-000000000011, 00000000-0000-4000-8000-000000000012",
  ]);
});

test("a change of the state is a changed mapping, in both directions", async () => {
  const says = (now: string, then: string) =>
    `users.state of the mapping is ${now}, but the database was migrated with ${then}: set it back, or revert every migration with the old mapping first`;
  for (const [first, second] of [
    [clerkIdAsKey, separate(clerkIdAsKey)],
    [separate(clerkIdAsKey), clerkIdAsKey],
  ] as const) {
    const databaseUrl = await createDatabase(inject("postgresUrl"));
    const open = (mapping: Mapping) => {
      const options = { databaseUrl, mapping, checksMapping: false, applicationName: "test" };
      const pool = createPool({ ...options, onIdleError: () => undefined });
      onTestFinished(() => pool.end());
      return pool;
    };
    const pool = open(first.mapping);
    await pool.query(first.sql);
    await migrateUp(pool);
    const problems = [says(second.mapping.users.state, first.mapping.users.state)];
    await expect(migrateUp(open(second.mapping))).rejects.toMatchObject({ problems });
    await revertEverything(pool);
    if (first.mapping.users.state === "added") continue;
    expect((await migrateUp(open(second.mapping))).length).toBe((await listNeededMigrations(pool)).length);
  }
});

test("with separate state, what the app's migrations take away is named with its statement, and not restored", async () => {
  const pool = await openApp(separate(uuidKeys));
  await migrateUp(pool);
  await pool.query(
    "alter table app.members drop constraint members_clerk_id_key; alter table app.members alter email set not null",
  );
  const expected = [
    [
      "app.members.email is NOT NULL, but must be able to be null",
      "alter table app.members alter column email drop not null",
    ],
    [
      "app.members.clerk_id has no unique key (members_clerk_id_unique)",
      "alter table app.members add constraint members_clerk_id_unique unique (clerk_id)",
    ],
  ];
  const { restored, left } = await restoreTables(pool);
  expect(restored).toEqual([]);
  expect(left.map(({ says, statement }) => [says, statement])).toEqual(expected);
  await pool.query("alter table app.members rename to people");
  expect((await findSchemaProblems(pool)).map(({ says }) => says)).toContain(
    "app.members is missing, because it was renamed to app.people",
  );
});

test.each<[string, MappedApp, string, RegExp]>([
  [
    "a domain refuses a profile without an address",
    uuidKeys,
    `create domain app.mail as text check (value is not null and value like '%@%');
alter table app.profiles alter column email type app.mail using coalesce(email, 'a@example.com')`,
    /value for domain app.mail violates check constraint/,
  ],
  [
    "a trigger folds the Clerk id",
    clerkIdAsKey,
    `create function public.fold() returns trigger language plpgsql as 'begin new.id := lower(new.id); return new; end';
create trigger fold before insert on public.users for each row execute function public.fold()`,
    /no row was made for a new user/,
  ],
  [
    "a trigger undoes a deletion",
    clerkIdAsKey,
    `create function public.undo() returns trigger language plpgsql as 'begin new.email := coalesce(new.email, old.email); return new; end';
create trigger undo before update on public.users for each row execute function public.undo()`,
    /A trigger of public.users undoes the deletion of a user/,
  ],
])("%s: the test write says so, and nothing is changed", async (_, { mapping, sql }, more, line) => {
  const pool = await openApp({ mapping, sql: `${sql}; ${more}` });
  const before = await dumpDatabase(pool);
  await expect(migrateUp(pool)).rejects.toThrow(line);
  expect(await dumpDatabase(pool)).toEqual(before);
});

test("a Clerk id whose collation ignores case, a view, and a table that others inherit from, are refused", async () => {
  const problems = await readRefusal({
    mapping: clerkIdAsKey.mapping,
    sql: `
create collation public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table public.users (id text collate public.any_case primary key, email text, tier text)`,
  });
  expect(problems).toEqual([
    "public.users.id is text collate any_case, but must be text, or varchar of at least 32: change its type, or users.key.column",
  ]);
  const { mapping, sql } = clerkIdAsKey;
  expect(
    await readRefusal({
      mapping,
      sql: "create view public.users as select 'a' as id, 'a' as email, 'a' as tier",
    }),
  ).toEqual([
    "public.users is not an ordinary table: a view, a partitioned or a foreign table cannot be mapped",
  ]);
  expect(
    await readRefusal({ mapping, sql: `${sql}; create table public.guests () inherits (public.users)` }),
  ).toEqual(["public.users has tables that inherit from it, and their rows count as its own: detach them"]);
});

test("an index follows the mapping to another column", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const { mapping, sql } = uuidKeys;
  const profile = mapping.profile as NonNullable<Mapping["profile"]>;
  const { email: _, ...columns } = profile.columns;
  const moved = { ...mapping, profile: { ...profile, columns: { ...columns, contact: { from: "email" } } } };
  for (const one of [mapping, moved]) {
    const options = { databaseUrl, mapping: one, checksMapping: false, applicationName: "test" };
    const pool = createPool({ ...options, onIdleError: () => undefined });
    onTestFinished(() => pool.end());
    if (one === mapping) await pool.query(`${sql}; alter table app.profiles add column contact text`);
    await migrateUp(pool);
    expect((await restoreTables(pool)).left).toEqual([]);
    const { rows } = await pool.query(
      "select indexdef from pg_indexes where indexname = 'profiles_near_email'",
    );
    expect(rows[0]?.["indexdef"]).toContain(one === mapping ? "email" : "contact");
    expect(rows[0]?.["indexdef"].includes("contact")).toBe(one === moved);
  }
});

test("an enum without our default needs one of its own, and says so also when the app drops it later", async () => {
  const { mapping, sql } = clerkIdAsKey;
  const plan = `${sql}; create type public.plan as enum ('basic', 'it''s'); update public.users set tier = 'basic';
alter table public.users alter column tier type public.plan using tier::public.plan`;
  const says =
    "public.users.tier has no default, and its enum has no 'FREE': give it one of its own values, for example alter table public.users alter column tier set default 'basic'";
  expect(await readRefusal({ mapping, sql: plan })).toEqual([says]);
  const pool = await openApp({ mapping, sql: `${plan}, alter column tier set default 'it''s'` });
  await migrateUp(pool);
  await pool.query("alter table public.users alter column tier drop default");
  expect((await restoreTables(pool)).left.map((problem) => problem.says)).toEqual([says]);
});
