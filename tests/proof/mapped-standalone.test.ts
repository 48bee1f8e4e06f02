import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectClerkSimulator } from "@rollcall/clerk-simulator";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  launchStandalone,
  readPerson,
  type Standalone,
  startRun,
  startStandalone,
  untilSaid,
} from "../harness/standalone.ts";
import { waitFor } from "../harness/wait-for.ts";

let folder: string;
let postgres: PostgresServer;
let db: pg.Pool;
let system: Standalone | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-mapped-start-"));
  postgres = await startPostgres({ dataDir: join(folder, "postgres"), settings: { fsync: "off" } });
  db = new pg.Pool({ connectionString: postgres.url, max: 2 });
  db.on("error", () => undefined);
});
afterEach(async () => {
  await system?.stop();
  system = undefined;
  await db.end();
  await postgres.stop("immediate");
  await rm(folder, { recursive: true, force: true });
});

async function start(mapping: object, tables: string): Promise<Standalone> {
  await db.query(tables);
  const file = join(folder, "rollcall.config.json");
  await writeFile(file, JSON.stringify(mapping));
  const environment = { DATABASE_URL: postgres.url, ROLLCALL_CONFIG: file };
  system = await startStandalone(join(folder, "start"), environment);
  return system;
}

async function signUp({ pageUrl }: Standalone): Promise<string> {
  const clerk = await connectClerkSimulator(pageUrl);
  return (await clerk.users.create({ firstName: "Ada", lastName: "Prado", email: "ada@example.com" })).id;
}

const untilRow = (of: Standalone, id: string) =>
  waitFor("the row on the page", async () => {
    const person = await readPerson(of, id);
    return person?.row && person.cause ? person : undefined;
  });

const profile = {
  name: "member",
  table: "app.Members",
  link: "account",
  key: { column: "id", type: "uuid" },
  columns: {
    'the "name"': { from: "name", default: "x" },
    plan: { from: "publicMetadata.plan", default: "free" },
  },
};

test("the simulator's page shows the rows of the mapped tables, and the terminal says how they came", async () => {
  const running = await start(
    {
      users: {
        table: "app.accounts",
        key: { column: "id", type: "uuid" },
        columns: { clerkId: "clerk", email: "mail", name: "full_name", tier: "level" },
      },
      profile,
    },
    `create schema app;
     create table app.accounts (id uuid primary key default gen_random_uuid(), clerk text not null unique, mail text,
       full_name text, level text not null default 'basic');
     create table app."Members" (id uuid primary key, account uuid unique references app.accounts (id) on delete set null,
       "the ""name""" text not null, plan text not null);`,
  );
  const id = await signUp(running);
  expect(await untilRow(running, id)).toMatchObject({
    row: { name: "Ada Prado", email: "ada@example.com", tier: "basic", profile: ["Ada Prado", "free"] },
    cause: "webhook",
  });
  await untilSaid(running, /Ada Prado provisioned \d+ ms after signing up, by webhook/);
  expect(running.appUrl).toBe("");
  expect(running.output()).toContain("The example app is left out");
});

test("without profiles, and without a column for the name, a row is all that the page expects", async () => {
  const running = await start(
    {
      users: {
        table: "users",
        key: { column: "id", type: "text" },
        columns: { clerkId: "id", email: "email" },
      },
      profile: null,
    },
    "create table users (id text primary key, email text)",
  );
  const id = await signUp(running);
  const { row } = await untilRow(running, id);
  expect(row).toMatchObject({ email: "ada@example.com", tier: "FREE", profile: null });
  expect(row).not.toHaveProperty("name");
  await untilSaid(running, /Ada Prado provisioned \d+ ms after signing up, by webhook/);
  const state = (await (await fetch(`${running.pageUrl}/page/state`)).json()) as { parts: object };
  expect(state.parts).toMatchObject({ database: true, profiles: false });
});

test("live users that the simulator never had stop the start before anything changes, unless an option accepts it", async () => {
  await db.query(`create table members (id serial primary key, clerk_id text unique, mail text, name text, left_at timestamptz);
    insert into members (clerk_id, mail, name, left_at) select 'user_' || n, n || '@example.com', 'Member ' || n,
      case when n > 5 then now() end from generate_series(1, 6) n`);
  const file = join(folder, "rollcall.config.json");
  const columns = { clerkId: "clerk_id", email: "mail", name: "name", deletedAt: "left_at" };
  const users = { table: "members", key: { column: "id", type: "integer" }, columns };
  await writeFile(file, JSON.stringify({ users, profile: null }));
  const environment = { DATABASE_URL: postgres.url, ROLLCALL_CONFIG: file };
  const dir = join(folder, "start");
  const accept = "--empty-unknown-users";
  const readAll = async () => (await db.query("select * from members order by id")).rows;
  const before = await readAll();

  const expectRefused = async (count: string, args: string[]) => {
    const refused = launchStandalone(dir, environment, args);
    expect(await refused.exited).toBe(1);
    expect(refused.output()).toContain(
      `does not know ${count} of public.members in the database postgres at 127`,
    );
    expect(refused.output()).toContain(`npm start -- ${[...args, accept].join(" ")}`);
    expect(refused.output()).not.toContain("Applying migrations");
  };
  await expectRefused("5 live users", []);
  expect(await readAll()).toEqual(before);
  expect((await db.query("select to_regnamespace('rollcall') as schema")).rows).toEqual([{ schema: null }]);

  system = await startStandalone(dir, environment, [accept]);
  await untilRow(system, await signUp(system));
  await startRun(system, "full");
  await untilSaid(system, /A full sync compared every user with Clerk, 1 in all: 5 corrected/);
  await system.stop();
  // The five are tombstones now, and the simulator has the sixth.
  system = await startStandalone(dir, environment);
  await system.stop();
  system = undefined;
  await expectRefused("1 live user", ["--fresh"]);
  // The refused start made the simulator forget nothing.
  system = await startStandalone(dir, environment);
});

test("tables that only the app's own database has need a DATABASE_URL", async () => {
  const file = join(folder, "theirs.json");
  const columns = { clerkId: "id", email: "email" };
  const users = { table: "theirs", key: { column: "id", type: "text" }, columns };
  await writeFile(file, JSON.stringify({ users, profile: null }));
  const running = launchStandalone(join(folder, "start"), { ROLLCALL_CONFIG: file });
  expect(await running.exited).toBe(1);
  expect(running.output()).toContain("theirs does not exist");
  expect(running.output()).toContain("Set DATABASE_URL to the one that has them.");
});

test("a wrong mapping stops the start before anything is started", async () => {
  const file = join(folder, "wrong.json");
  await writeFile(file, JSON.stringify({ users: { table: "users" }, profile: null }));
  const running = launchStandalone(join(folder, "start"), {
    DATABASE_URL: postgres.url,
    ROLLCALL_CONFIG: file,
  });
  expect(await running.exited).toBe(1);
  expect(running.output()).toContain(`ROLLCALL_CONFIG (${file}): users.key`);
  expect(running.output()).not.toContain("Applying migrations");
});

test("a mapping in the current folder that no variable names stops the start before anything is started", async () => {
  await writeFile(join(folder, "rollcall.config.json"), "{}");
  const running = launchStandalone(join(folder, "start"), { DATABASE_URL: postgres.url }, [], folder);
  expect(await running.exited).toBe(1);
  expect(running.output()).toContain("rollcall.config.json is here, but ROLLCALL_CONFIG is not set");
  expect((await db.query("select to_regclass('public.users') as users")).rows).toEqual([{ users: null }]);
});
