import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { expect, inject, test } from "vitest";
import { migrateUp } from "../migrate/migrate.ts";
import { liveApp, mappedApps } from "../migrate/testing.ts";
import { createPool } from "../pool.ts";
import { type Proposal, proposeMapping } from "./propose-mapping.ts";
import { readCatalog } from "./read-catalog.ts";

async function propose(sql: string, { migrates = false } = {}): Promise<Proposal> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
  try {
    await pool.query(sql);
    if (migrates) await migrateUp(pool);
    return proposeMapping(await readCatalog(pool));
  } finally {
    await pool.end();
  }
}

const { clerkIdAsKey, prisma, uuidKeys, camelCase } = mappedApps;

test.each<[string, string, Mapping]>([
  ["a text key that holds Clerk ids", clerkIdAsKey.sql, clerkIdAsKey.mapping],
  ["Prisma's models", prisma.sql, prisma.mapping],
  ["camelCase and an identity key", camelCase.sql, camelCase.mapping],
  ["the app that the default adopts", liveApp, defaultMapping],
])("%s: the proposal is its mapping, and nothing is left open", async (_, sql, mapping) => {
  const proposal = await propose(sql);
  expect(proposal.mapping).toEqual(mapping);
  expect(proposal.undecided).toEqual([]);
  expect(proposal.taken.every(({ why }) => why.length > 0)).toBe(true);
});

test("the default tables are proposed after their migration too", async () => {
  expect(await propose("", { migrates: true })).toMatchObject({ mapping: defaultMapping, undecided: [] });
});

test("a required column of the profile that Clerk cannot fill is left to a person", async () => {
  const proposal = await propose(uuidKeys.sql);
  const profile = uuidKeys.mapping.profile as NonNullable<Mapping["profile"]>;
  const { track: _, ...columns } = profile.columns;
  expect(proposal.mapping).toEqual({ ...uuidKeys.mapping, profile: { ...profile, columns } });
  expect(proposal.undecided).toEqual([
    expect.stringContaining("app.profiles.track is required and has no default"),
  ]);
});

test("a profile whose name has a dot is left out", async () => {
  const { mapping } = await propose(`
    create table public.users (id serial primary key, clerk_id text);
    create schema member;
    create table public."member.profiles" (id serial primary key, user_id int unique references public.users (id))`);
  expect(mapping?.profile).toBeNull();
});

test("what Rollcall writes over is said of each column", async () => {
  const { taken } = await propose(
    "create table public.users (id serial primary key, clerk_id text, email text, display_name text, avatar text)",
  );
  const over = taken.filter(({ why }) => why.includes("writes Clerk's")).map(({ column }) => column);
  expect(over).toEqual(["email", "display_name", "avatar"]);
});

test("without rows, a text key is taken as the Clerk id, and the doubt is named", async () => {
  const { mapping, undecided, taken } = await propose(
    "create table public.users (id text primary key, email text, tier text)",
  );
  expect(mapping).toEqual(clerkIdAsKey.mapping);
  expect(undecided).toEqual([expect.stringContaining("users.id has no row yet")]);
  expect(taken).toContainEqual({
    field: "users.columns.clerkId",
    column: "id",
    why: "the key is a text, and no other column can hold it",
  });
});

test.each([
  [
    "no table of users",
    "create table public.orders (id serial primary key)",
    "No table has a column clerk_id",
  ],
  [
    "two tables of users",
    "create table public.users (clerk_id text primary key); create table public.members (clerk_id text primary key)",
    "Several tables may be the users' table: members, users",
  ],
  [
    "users whose key may be the Clerk id, beside payments with one",
    "create table public.users (id text primary key); create table public.payments (id serial primary key, clerk_user_id text)",
    "Several tables may be the users' table: payments, users",
  ],
  [
    "a name with a dot, which the file would read as a schema",
    `create schema app; create table app.users (id serial primary key); create table public."app.users" (id serial primary key, clerk_id text)`,
    "public.app.users: the file cannot hold a name with a dot",
  ],
  [
    "a text key of other ids",
    "create table public.users (id text primary key); insert into public.users values ('cjld2cjxh0000qzrmn831i7rn')",
    "No column of users holds the Clerk id",
  ],
  [
    "a key of uuid without a Clerk id",
    "create table public.members (id uuid primary key)",
    "holds the Clerk id",
  ],
  [
    "a key of two columns",
    "create table public.users (a int, clerk_id text, primary key (a, clerk_id))",
    "no primary key",
  ],
])("%s: nothing is guessed", async (_, sql, line) => {
  const { mapping, undecided } = await propose(sql);
  expect(mapping).toBeUndefined();
  expect(undecided.join("\n")).toContain(line);
});

test("a column that does not fit is named, and so is a choice between two", async () => {
  const { mapping, undecided } = await propose(`
    create type public.kind as enum ('owner', 'guest');
    create table public.users (
      id serial primary key, clerk_id text, email_verified timestamp, role public.kind, avatar text, photo text,
      name text generated always as (clerk_id) stored, "isBanned" text
    );
    create table public.wallets (id serial primary key, owner int unique references public.users (id))`);
  expect(mapping).toEqual({
    users: {
      table: "users",
      key: { column: "id", type: "integer" },
      state: "added",
      columns: { clerkId: "clerk_id" },
    },
    profile: null,
  });
  expect(undecided).toEqual([
    "users.email_verified is in the way: it is timestamp without time zone, and Rollcall needs boolean, under the same name. Change its type, or rename it.",
    "users.name is not taken for users.columns.name: it is a generated column, which Rollcall cannot write.",
    "users.columns.imageUrl: avatar or photo? It is left out. Write the right one by hand.",
    "users.role is in the way: it is public.kind, and Rollcall writes user and admin, under the same name. Change its type, or rename it.",
    "users.isBanned is not taken for users.columns.banned: it is text, and Rollcall needs boolean.",
    "profile: wallets? It is null, so Rollcall makes no profiles. Write profile by hand if one is the profile of each user.",
  ]);
});

test("an enum of USER and ADMIN is in the way, and its values can be renamed", async () => {
  const { undecided } = await propose(`
    create type public."Role" as enum ('USER', 'ADMIN');
    create table public."User" (id text primary key, "clerkId" text unique, role public."Role" not null default 'USER')`);
  expect(undecided).toEqual([
    `User.role is in the way: it is public."Role", and Rollcall writes user and admin, under the same name. If it means the same, rename its values (alter type public."Role" rename value 'USER' to 'user'; alter type public."Role" rename value 'ADMIN' to 'admin'), or rename it.`,
  ]);
});
