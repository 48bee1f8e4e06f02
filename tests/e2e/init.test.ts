import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultMapping, parseMapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import pg from "pg";
import { beforeEach, expect, inject, test } from "vitest";
import { makeProcessFolder } from "../harness/process.ts";

const program = fileURLToPath(new URL("../../apps/cli/dist/main.js", import.meta.url));

let databaseUrl: string;
let folder: string;
beforeEach(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
  folder = makeProcessFolder();
});

type Ended = { code: number; stdout: string };

function init(...args: string[]): Promise<Ended> {
  const env = { PATH: process.env["PATH"], DATABASE_URL: databaseUrl };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, "init", ...args], { cwd: folder, env }, (_, stdout) =>
      resolve({ code: child.exitCode ?? -1, stdout }),
    );
  });
}

async function run(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const file = () => join(folder, "rollcall.config.json");

const app = `
create table users (id text primary key, email text, tier text);
insert into users values ('user_ana', 'hidden@example.com', 'gold')`;

test("init writes the mapping once, says why, and changes nothing in the database", async () => {
  await run(app);
  const { code, stdout } = await init();
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /users\.columns\.clerkId +id +the key is a text, and its values look like Clerk ids/,
  );
  expect(stdout).toContain("Wrote rollcall.config.json");
  expect(stdout).toContain("Organizations stay off: no table has a column for Clerk's organization id");
  expect(stdout).not.toContain("hidden@example.com");
  expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual({
    users: {
      table: "users",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "id", email: "email", tier: "tier" },
    },
    profile: null,
  });
  writeFileSync(file(), "{}");
  const again = await init();
  expect([again.code, again.stdout]).toEqual([
    1,
    expect.stringContaining("rollcall.config.json exists, and stays"),
  ]);
  expect(readFileSync(file(), "utf8")).toBe("{}");
  expect(
    await run("select column_name from information_schema.columns where table_name = 'users'"),
  ).toHaveLength(3);
});

test("docs/adopt/new-app.md: init takes the tables of the page, and nothing is left to solve", async () => {
  const page = readFileSync(new URL("../../docs/adopt/new-app.md", import.meta.url), "utf8");
  await run(String(/^```sql\n(.*?)^```$/ms.exec(page)?.[1]));
  const { code, stdout } = await init();
  expect([code, stdout]).toEqual([0, expect.not.stringMatching(/Not decided|To solve/)]);
  expect(JSON.parse(readFileSync(file(), "utf8"))).toMatchObject({
    users: { table: "members" },
    profile: { name: "profile", table: "profiles", link: "user_id" },
  });
});

test("--print-sql prints statements that a person can run", async () => {
  await run(app);
  const { code, stdout } = await init("--print-sql");
  expect(code).toBe(0);
  expect(stdout).toContain("\nalter table public.users add column banned boolean default false not null;\n");
  expect(stdout).not.toMatch(/public\.mentorados/);
  await run(stdout);
  expect(await run("select id, tier, banned, email_verified from users")).toEqual([
    { id: "user_ana", tier: "gold", banned: false, email_verified: false },
  ]);
  expect(await run("select id from rollcall.migrations order by id limit 1")).toEqual([
    { id: "0001_users_and_mentorados" },
  ]);
});

test("--organizations turns them on beside the default tables, and init takes an app's teams", async () => {
  await run(
    "create table users (id serial primary key, clerk_id text unique); create table mentorados (id serial primary key, nome_completo text)",
  );
  expect((await init()).stdout).toContain("no file is needed");
  const { code, stdout } = await init("--organizations");
  expect([code, stdout]).toEqual([0, expect.not.stringMatching(/Not decided|To solve|stay off/)]);
  expect(parseMapping(readFileSync(file(), "utf8"), "")).toEqual({ ...defaultMapping, organizations: {} });
  expect((await init("--print-sql")).stdout).toContain("create table public.organizations");
  rmSync(file());
  await run(`
    create table teams (id serial primary key, clerk_org_id text, name text);
    create table seats (user_id int references users (id), team_id int references teams (id), role text not null)`);
  expect((await init()).stdout).toMatch(/organizations\.memberships\.table +seats +it refers to/);
  expect((await init("--print-sql")).stdout).toContain("on public.seats (user_id, team_id)");
});

test("what migrate would refuse is printed in place of statements, and what is undecided in place of a file", async () => {
  await run("create table users (id text primary key, email text not null unique)");
  const refused = await init("--print-sql");
  expect(refused.code).toBe(1);
  expect(refused.stdout.split("\n")).toEqual([
    "-- migrate would refuse, and change nothing:",
    "--   public.users.email is NOT NULL, but must be able to be null, because Clerk has users without it, and a deleted user has none: alter table public.users alter column email drop not null",
    expect.stringContaining("public.users.email is unique"),
    "",
  ]);
  await run("drop table users");
  const undecided = await init("--json");
  expect(undecided.code).toBe(1);
  expect(JSON.parse(undecided.stdout)).toMatchObject({ undecided: [expect.any(String)], written: null });
});
