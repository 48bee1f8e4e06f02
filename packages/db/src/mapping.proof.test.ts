import { AppError, defaultMapping, type Mapping, type UserEntry, type UserFilter } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as db from "./index.ts";
import { type MappedApp, mappedApps, separate } from "./migrate/testing.ts";
import { calls } from "./testing/every-call.ts";
import { createMappedPool, getSession, makeSnapshot, writeUsers } from "./testing.ts";

/** Tables of apps: the users' part of a mapping, the SQL of the app, and the form of a key. */
const apps: Record<string, { users: Mapping["users"]; sql: string; key: RegExp }> = {
  "the Clerk id as the key": {
    users: {
      table: "users",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "id", email: "email", tier: "tier" },
    },
    sql: `create table public.users (id text primary key, email text, tier text not null default 'free')`,
    key: /^user_/,
  },
  "hostile names and a uuid without a default": {
    users: {
      table: 'se"lect.Us"er',
      key: { column: "select", type: "uuid" },
      state: "added",
      columns: {
        clerkId: "clerk'Id",
        email: "e-Mail",
        emailVerified: '"',
        name: "full name",
        imageUrl: "$1",
        role: "user",
        tier: "order",
        banned: "é",
        deletedAt: "deletedAt",
        createdAt: "createdAt",
        updatedAt: "a.b",
      },
    },
    sql: `create schema "se""lect";
      create type "se""lect"."Ro'le" as enum ('user', 'admin');
      create table "se""lect"."Us""er" (
        "select" uuid primary key, "clerk'Id" text not null unique, "e-Mail" text, """" boolean not null default false,
        "full name" text, "$1" text, "user" "se""lect"."Ro'le" not null default 'user',
        "order" text not null default 'FREE', "é" boolean not null default false, "deletedAt" timestamptz,
        "createdAt" timestamptz not null default now(), "a.b" timestamptz not null default now())`,
    key: /^[\da-f-]{36}$/,
  },
  "a text key without a default, and Prisma's times": {
    users: {
      table: "User",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "clerkId", email: "email", createdAt: "createdAt", updatedAt: "updatedAt" },
    },
    sql: `create table public."User" (
      id text primary key, "clerkId" text not null unique, email text,
      "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null)`,
    key: /^[\da-f-]{36}$/,
  },
  "a text key of a domain with a default": {
    users: {
      table: "members",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "clerk_id", name: "name" },
    },
    sql: `create sequence public.members_id;
      create domain public.member_id as text default 'm.' || nextval('public.members_id');
      create table public.members (
        id public.member_id primary key, clerk_id text not null unique, name varchar(200))`,
    key: /^m\.\d+$/,
  },
  "a table whose trigger sets updatedAt at each update, and nondeterministic collations": {
    users: {
      table: "accounts",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "clerk_id", email: "email", name: "name", updatedAt: "updated_at" },
    },
    sql: `
      create collation public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      create table public.accounts (
        id text collate public.any_case primary key default gen_random_uuid()::text, clerk_id text not null unique,
        email text collate public.any_case, name text collate public.any_case, updated_at timestamptz not null default now());
      create function public.touch() returns trigger language plpgsql as 'begin new.updated_at := now(); return new; end';
      create trigger touch before update on public.accounts for each row execute function public.touch()`,
    key: /^[\da-f-]{36}$/,
  },
  "a bigint identity": {
    users: {
      table: "app.accounts",
      key: { column: "accountId", type: "bigint" },
      state: "added",
      columns: { clerkId: "clerkId", email: "email", name: "name" },
    },
    sql: `create schema app;
      create table app.accounts (
        "accountId" bigint generated always as identity (start with 9007199254740993) primary key,
        "clerkId" text not null unique, email text, name text)`,
    key: /^900719925474\d{4}$/,
  },
  "separate state and the Clerk id as the key": {
    users: {
      table: "users",
      key: { column: "id", type: "text" },
      state: "separate",
      columns: { clerkId: "id", email: "email", tier: "tier" },
    },
    sql: `create table public.users (id text primary key, email text, tier text)`,
    key: /^user_/,
  },
  "separate state, every field mapped, hostile names and a uuid without a default": {
    users: {
      table: 'se"lect.Us"er',
      key: { column: "select", type: "uuid" },
      state: "separate",
      columns: {
        clerkId: "clerk'Id",
        email: "e-Mail",
        emailVerified: '"',
        name: "full name",
        imageUrl: "$1",
        role: "user",
        tier: "order",
        banned: "é",
        deletedAt: "deletedAt",
        createdAt: "createdAt",
        updatedAt: "a.b",
      },
    },
    sql: `create schema "se""lect";
      create type "se""lect"."Ro'le" as enum ('user', 'admin');
      create table "se""lect"."Us""er" (
        "select" uuid primary key, "clerk'Id" varchar(64) unique, "e-Mail" text, """" boolean not null,
        "full name" text, "$1" text, "user" "se""lect"."Ro'le" not null, "order" text not null default 'FREE',
        "é" boolean not null, "deletedAt" timestamp(3), "createdAt" timestamp(3) not null, "a.b" timestamp(3) not null)`,
    key: /^[\da-f-]{36}$/,
  },
  "separate state of a bare table that has columns of our names": {
    users: {
      table: "app.accounts",
      key: { column: "accountId", type: "bigint" },
      state: "separate",
      columns: { clerkId: "clerkId" },
    },
    sql: `create schema app;
      create table app.accounts (
        "accountId" bigint generated always as identity (start with 9007199254740993) primary key,
        "clerkId" text unique, email integer, role integer, tier json, read_ticket text, deleted_at boolean, of_app text)`,
    key: /^900719925474\d{4}$/,
  },
};

/** Runs one of the calls. A refusal of Rollcall's own, such as an unknown user, comes from an answer of the statement. */
async function checkRuns(pool: db.Pool, call: (pool: db.Pool) => Promise<unknown>): Promise<void> {
  const error: unknown = await call(pool).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const isLost = error instanceof db.PortionLost || error instanceof db.PurgeLost;
  if (error !== undefined && !(error instanceof AppError) && !isLost) throw error;
  if (error instanceof db.PostgresError) throw error;
}

async function readAll(pool: db.Pool, filter: UserFilter, limit: number): Promise<UserEntry[]> {
  const items: UserEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await db.listUsers(pool, { filter, cursor, limit });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

const readIds = async (pool: db.Pool, filter: UserFilter, limit = 2) =>
  (await readAll(pool, filter, limit)).map(({ clerkId }) => clerkId);

/** The tables of separate state, with a comma in front. */
const ofState = ({ tables }: db.Pool) =>
  tables.users.isSeparate ? ", rollcall.user_states, rollcall.profile_links" : "";

describe.each(Object.entries(apps))("with %s", (_, { users, sql, key }) => {
  let pool: db.Pool;
  beforeAll(async () => {
    pool = await createMappedPool({ users, profile: null, organizations: {} }, sql);
  });
  afterAll(() => pool?.end());

  const empty = () =>
    pool.query(
      `truncate ${pool.tables.users.table}, rollcall.events, rollcall.held_deletions, rollcall.runs${ofState(pool)} cascade`,
    );

  test.each(Object.entries(calls))("%s runs", async (_name, call) => {
    await empty();
    await checkRuns(pool, call);
  });

  test("a user is inserted, updated and deleted, each with its event", async () => {
    await empty();
    await writeUsers(pool, [makeSnapshot()]);
    const { user, mentorado } = await getSession(pool);
    expect(String(user.id)).toMatch(key);
    expect(typeof user.id).toBe("string");
    expect(user).toMatchObject({
      clerkId: "user_a",
      email: "a@example.com",
      emailVerified: true,
      name: users.columns.name ? "A" : null,
      role: "user",
      deletedAt: null,
    });
    expect(Math.abs(user.updatedAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(mentorado).toBeNull();

    await writeUsers(pool, [
      makeSnapshot({ email: "b@example.com", clerkUpdatedAtMs: 2_000, readTicket: 2 }),
    ]);
    // Its marks alone are newer.
    await writeUsers(pool, [
      makeSnapshot({ email: "b@example.com", clerkUpdatedAtMs: 3_000, readTicket: 3 }),
    ]);
    // Part of it cannot be read.
    const unread = { email: null, unread: ["email"] as const };
    await writeUsers(pool, [
      makeSnapshot({ ...unread, isAdmin: true, clerkUpdatedAtMs: 4_000, readTicket: 4 }),
    ]);
    expect((await getSession(pool)).user).toMatchObject({
      id: user.id,
      email: "b@example.com",
      role: "admin",
    });

    const deletion = { by: "signature", cause: "webhook", ref: null } as const;
    const deleted = await db.inTransaction(pool, (client) =>
      db.tombstoneUsers(client, [
        { clerkId: "user_a", ...deletion },
        { clerkId: "user_unknown", ...deletion },
      ]),
    );
    expect(Object.fromEntries(deleted)).toEqual({ user_a: "live", user_unknown: "unknown" });
    const tombstone = await getSession(pool);
    expect(tombstone.user).toMatchObject({ id: user.id, email: null, name: null });
    expect(db.isErased(tombstone)).toBe(true);
    expect(String((await getSession(pool, "user_unknown")).user.id)).toMatch(key);
    await writeUsers(pool, [makeSnapshot({ clerkUpdatedAtMs: 5_000, readTicket: 5 })]);
    expect((await getSession(pool)).user.email).toBeNull();

    const { rows } = await pool.query("select clerk_id, kind from rollcall.events order by id");
    expect(rows.map(({ clerk_id, kind }) => `${clerk_id} ${kind}`)).toEqual([
      "user_a user_created",
      "user_a user_updated",
      "user_a user_updated",
      "user_a user_tombstoned",
      "user_unknown user_tombstoned",
    ]);
  });

  test("nothing that equals Clerk drifts, by digest and user by user", async () => {
    await empty();
    const snapshots = ["a", "b", "c"].map((id, index) =>
      makeSnapshot({ clerkId: `user_${id}`, email: `${id}@example.com`, clerkCreatedAtMs: index + 1 }),
    );
    const all = { afterMs: null, untilMs: null };
    expect([...(await db.findDrift(pool, snapshots, false)).values()]).toEqual(Array(3).fill("missing_row"));
    await writeUsers(pool, snapshots, { create: false });
    expect(await db.findDrift(pool, snapshots, false)).toEqual(new Map());
    expect(await db.digestRows(pool, all, false)).toBe(db.digestSnapshots(pool, snapshots));
    for (const { clerkId } of snapshots) {
      const { user } = await getSession(pool, clerkId);
      const snapshot = snapshots.find((one) => one.clerkId === clerkId);
      expect(snapshot && db.compareWithClerk(pool, user, snapshot)).toEqual([]);
    }
    const changes = [
      { email: "z@example.com" },
      ...(users.columns.email ? [{ email: "A@example.com" }] : []),
    ];
    for (const change of changes) {
      const [newer] = snapshots.map((one) => ({ ...one, ...change, clerkUpdatedAtMs: 2_000 }));
      expect(await db.findDrift(pool, newer ? [newer] : [], false)).toEqual(
        new Map([["user_a", "older_row"]]),
      );
    }
  });

  test("all pages together have each user that matches once, the newest sign-up first", async () => {
    await empty();
    const names = ["a", "b", "c", "d", "e", "f", "g"];
    const snapshots = names.map((id, index) =>
      makeSnapshot({
        clerkId: `user_${id}`,
        email: `${id}@example.com`,
        // Two of them signed up at the same time.
        clerkCreatedAtMs: 1_000 * Math.max(1, index),
        banned: id === "c",
      }),
    );
    for (const snapshot of snapshots) await writeUsers(pool, [snapshot]);
    // The app made these, and no sync has reached them.
    const { users: u } = pool.tables;
    const ofApp = ["x", "y", "z"].map((id) =>
      makeSnapshot({ clerkId: `user_${id}`, email: `${id}@app.example` }),
    );
    await writeUsers(pool, ofApp);
    const [table, clerkId] = u.isSeparate ? ["rollcall.user_states", "clerk_id"] : [u.table, u.clerkId];
    await pool.query(`update ${table} set clerk_created_at = null where ${clerkId} = any ($1)`, [
      ofApp.map((one) => one.clerkId),
    ]);
    const gone = { by: "signature", cause: "webhook", ref: null } as const;
    await db.inTransaction(pool, (client) => db.tombstoneUsers(client, [{ clerkId: "user_b", ...gone }]));

    const everyone = [...names, "x", "y", "z"].map((id) => `user_${id}`);
    for (const limit of [1, 2, 3, 50]) {
      expect((await readIds(pool, {}, limit)).toSorted()).toEqual(everyone);
      expect((await readIds(pool, { state: "live" }, limit)).toSorted()).toEqual(
        everyone.filter((id) => id !== "user_b" && id !== "user_c"),
      );
      expect(await readIds(pool, { state: "deleted" }, limit)).toEqual(["user_b"]);
      expect(await readIds(pool, { state: "banned" }, limit)).toEqual(["user_c"]);
      expect((await readIds(pool, { query: "app.example" }, limit)).toSorted()).toEqual(everyone.slice(-3));
      const from = new Date(0).toISOString();
      expect(
        await readIds(pool, { signedUpFrom: from, signedUpTo: new Date(5_500).toISOString() }, limit),
      ).toEqual(["user_f", "user_e", "user_d", "user_c", "user_a", "user_b"]);
    }
    const dated = (await readIds(pool, { state: "live" })).filter((id) => /_[a-g]$/.test(id));
    expect(dated).toEqual(["user_g", "user_f", "user_e", "user_d", "user_a"]);
    expect(await readIds(pool, { query: "F@example.com" })).toEqual(["user_f"]);
    expect(await readIds(pool, { query: "user_d" })).toEqual(["user_d"]);
    const [entry] = await readAll(pool, { query: "user_d" }, 1);
    expect(entry).toMatchObject({ clerkId: "user_d", mentoradoId: null, profile: null, role: "user" });
    expect(entry?.id).toBe((await getSession(pool, "user_d")).user.id);
  });

  test("a row that another transaction made in this moment is no second sign-up", async () => {
    await empty();
    await writeUsers(pool, [makeSnapshot()]);
    await db.inTransaction(pool, async (client) => {
      const { users: u } = client.tables;
      const table = u.isHeld("createdAt") ? "rollcall.user_states" : u.table;
      await client.query(`update ${table} set ${u.createdAt} = now()`);
      await db.applySnapshots(client, [makeSnapshot({ email: "c@example.com", readTicket: 2 })]);
    });
    const { rows } = await pool.query("select kind from rollcall.events order by id");
    expect(rows.map(({ kind }) => kind)).toEqual(["user_created", "user_updated"]);
  });

  test("an address that changes in case alone is a change", async () => {
    await empty();
    await writeUsers(pool, [makeSnapshot()]);
    await writeUsers(pool, [makeSnapshot({ email: "A@example.com", readTicket: 2 })]);
    expect((await getSession(pool)).user.email).toBe("A@example.com");
    const { rows } = await pool.query(
      "select kind from rollcall.events where clerk_id = 'user_a' order by id",
    );
    expect(rows.map(({ kind }) => kind)).toEqual(["user_created", "user_updated"]);
  });

  test("a filter by a profile, and a cursor of another list, are refused", async () => {
    for (const page of [
      { filter: { withoutProfile: true } as const, cursor: undefined },
      { filter: { turma: "neon" }, cursor: undefined },
      { filter: {}, cursor: "qeA" },
      { filter: { signedUpFrom: new Date(0).toISOString() }, cursor: "s9999999999999999999.YQ" },
    ])
      await expect(db.listUsers(pool, { ...page, limit: 1 })).rejects.toMatchObject({
        code: "request.malformed",
      });
  });
});

const { uuidKeys, prisma } = mappedApps;

const mentorados = (link: string) => `create table public.mentorados (
  id serial primary key, user_id ${link}, nome_completo varchar(255) not null, email varchar(320), foto_url text,
  turma text, updated_at timestamp not null default now())`;

const appsWithProfiles: Record<string, MappedApp> = {
  "uuid keys and an enum": uuidKeys,
  "Prisma's models": prisma,
  "a domain for each column": {
    mapping: {
      users: {
        table: "app.users",
        key: { column: "id", type: "bigint" },
        state: "added",
        columns: {
          ...{
            clerkId: "clerk_id",
            email: "email",
            emailVerified: "verified",
            name: "called",
            banned: "banned",
          },
          ...{ role: "role", tier: "tier", deletedAt: "deleted", createdAt: "created", updatedAt: "updated" },
        },
      },
      profile: {
        name: "profile",
        table: "app.profiles",
        link: "user_id",
        key: { column: "id", type: "integer" },
        updatedAt: "updated",
        columns: {
          email: { from: "email" },
          rank: { from: "publicMetadata.rank", allowed: ["1", "2"], default: "1" },
        },
      },
    },
    sql: `
      create schema app; create sequence app.users_id; create sequence app.profiles_id;
      create domain app.user_id as bigint default nextval('app.users_id');
      create domain app.profile_id as integer default nextval('app.profiles_id');
      create type app.roles as enum ('admin', 'user', 'owner'); create domain app.role as app.roles default 'user';
      create type app.tiers as enum ('a', 'GOLD'); create domain app.tier as app.tiers default 'a';
      create domain app.flag as boolean default false; create domain app.at as timestamptz;
      create domain app.local as timestamp(3) not null; create domain app.clerk_id as varchar(64);
      create domain app.mail as text check (value like '%@%'); create domain app.rank as smallint check (value < 5);
      create table app.users (
        id app.user_id primary key, clerk_id app.clerk_id not null, email app.mail, called text, verified app.flag, banned app.flag,
        role app.role, tier app.tier, deleted app.at, created app.local, updated app.local);
      create table app.profiles (
        id app.profile_id primary key, user_id app.user_id, email app.mail, rank app.rank, updated app.local)`,
  },
  "the default profile beside users with uuid keys": {
    mapping: { ...uuidKeys.mapping, profile: defaultMapping.profile },
    sql: `${uuidKeys.sql}; ${mentorados("uuid references app.members (id)")}`,
  },
  "the default profile beside users of other names": {
    mapping: {
      users: {
        table: "accounts",
        key: { column: "account", type: "integer" },
        state: "added",
        columns: { clerkId: "clerk", email: "mail", name: "called" },
      },
      profile: defaultMapping.profile,
    },
    sql: `
      create table public.accounts (
        account int generated always as identity primary key, clerk text not null unique, mail text, called text);
      ${mentorados("int references public.accounts (account)")}`,
  },
  "separate state, uuid keys and an enum": separate(uuidKeys),
  "separate state and Prisma's models": separate(prisma),
  "separate state and the default profile": {
    mapping: {
      users: {
        table: "accounts",
        key: { column: "account", type: "integer" },
        state: "separate",
        columns: { clerkId: "clerk" },
      },
      profile: defaultMapping.profile,
    },
    sql: `
      create table public.accounts (account int generated always as identity primary key, clerk text unique);
      ${mentorados("int references public.accounts (account) on delete cascade")}`,
  },
};

describe.each(Object.entries(appsWithProfiles))("with profiles: %s", (_, { mapping, sql }) => {
  let pool: db.Pool;
  beforeAll(async () => {
    pool = await createMappedPool({ ...mapping, organizations: {} }, sql);
  });
  afterAll(() => pool?.end());

  beforeEach(() =>
    pool.query(
      `truncate ${pool.tables.users.table}, rollcall.runs, rollcall.conflicts${ofState(pool)} cascade`,
    ),
  );

  test.each(Object.entries(calls))("%s runs", (_name, call) => checkRuns(pool, call));

  const write = (clerkId: string) =>
    writeUsers(pool, [makeSnapshot({ clerkId, email: `${clerkId}@example.com` })]);

  const readLinked = async () => {
    const { profile } = pool.tables;
    const { rows } = await pool.query(
      `select m.${profile?.id}::text as id, m.${profile?.link} is not null as "isLinked", m.linked_at is not null as "wasLinked"
       from ${profile?.rows} m where m.${profile?.email} = 'user_p@example.com'`,
    );
    return rows;
  };

  test("a profile is made, listed, unlinked, never given to another user, and erased", async () => {
    expect(await write("user_p")).toEqual({ user_p: "created" });
    expect(await write("user_p")).toEqual({ user_p: "kept" });
    const { user, mentorado } = (await db.findSession(pool, "user_p")) ?? {};
    expect(mentorado).toMatchObject({ userId: user?.id });
    const id = String(mentorado?.id);
    const [entry] = await readAll(pool, { query: "user_p" }, 1);
    expect(entry).toMatchObject({ clerkId: "user_p", mentoradoId: mentorado?.id });
    expect(await readLinked()).toEqual([{ id, isLinked: true, wasLinked: true }]);

    const gone = { by: "signature", cause: "webhook", ref: null } as const;
    await db.inTransaction(pool, (client) => db.tombstoneUsers(client, [{ clerkId: "user_p", ...gone }]));
    // The app's own migrations may drop our column. It knows former profiles from a table of Rollcall's.
    if (!pool.tables.users.isSeparate)
      await pool.query(`alter table ${pool.tables.profile?.table} drop column linked_at`);
    expect((await db.restoreTables(pool)).left).toEqual([]);
    expect(await readLinked()).toEqual([{ id, isLinked: false, wasLinked: true }]);

    const email = "user_p@example.com";
    const name = mapping.users.columns.name === undefined ? null : "A";
    expect(await writeUsers(pool, [makeSnapshot({ clerkId: "user_q", email })])).toEqual({
      user_q: "created",
    });
    const page = { state: "open", beforeId: undefined, limit: 10 };
    expect(await db.listNamedConflicts(pool, page)).toMatchObject([
      { clerkId: "user_q", reason: "former_profile", candidateIds: [mentorado?.id], name },
    ]);
    const erasure = await db.inTransaction(pool, (client) =>
      db.erasePerson(client, "user_p", { candidates: [], keepProfile: false }),
    );
    expect(erasure.erased).toEqual([mentorado?.id]);
    expect(await readLinked()).toMatchObject([{ isLinked: true }]);
  });
});

test("keys below zero, which an app may give to users of its own, are listed page by page", async () => {
  const pool = await createMappedPool(
    {
      users: { ...defaultMapping.users, table: "accounts", columns: { clerkId: "clerk_id" } },
      profile: null,
    },
    "create table public.accounts (id serial primary key, clerk_id text not null unique)",
  );
  await pool.query(
    "insert into public.accounts (id, clerk_id) values (1, 'user_a'), (-1, 'user_b'), (-2, 'user_c')",
  );
  expect(await readIds(pool, {}, 1)).toEqual(["user_a", "user_b", "user_c"]);
  await pool.end();
});

test("an empty key does not lead back to the first page", async () => {
  const key = { column: "id", type: "text" } as const;
  const pool = await createMappedPool(
    {
      users: { ...defaultMapping.users, table: "accounts", key, columns: { clerkId: "clerk_id" } },
      profile: null,
    },
    "create table public.accounts (id text primary key, clerk_id text not null unique)",
  );
  await pool.query("insert into public.accounts values ('', 'user_a'), ('b', 'user_b')");
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await db.listUsers(pool, { filter: {}, cursor, limit: 1 });
    pages.push(page.items.map(({ clerkId }) => clerkId));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && pages.length < 5);
  expect(pages.flat()).toEqual(["user_b", "user_a"]);
  await pool.end();
});
