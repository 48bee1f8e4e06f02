import type { Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { listAppColumns, listRarelyVacuumed, measureIdUse } from "../checks.ts";
import { findDuplicateRows } from "../migrate/adoption/row-problems.ts";
import { migrateUp, restoreTables } from "../migrate/migrate.ts";
import { mappedApps } from "../migrate/testing.ts";
import { createPool, type Pool } from "../pool.ts";
import { makeSnapshot, writeUsers } from "../testing.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { describeLeft } from "./restore-schema.ts";

let pool: Pool;

async function open(mapping: Mapping, sql: string): Promise<Pool> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const opened = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  await opened.query(sql);
  await migrateUp(opened);
  return opened;
}

beforeEach(async () => {
  const { mapping, sql } = mappedApps.uuidKeys;
  pool = await open({ ...mapping, profile: null }, sql);
});
afterEach(() => pool.end());

const write = () => writeUsers(pool, [makeSnapshot()]);

test.each([
  ["alter table app.members drop column banned", "app.members.banned is missing"],
  ["alter table app.members drop column read_ticket", "app.members.read_ticket is missing"],
  [
    "alter table app.members drop constraint members_clerk_id_unique",
    "app.members.clerk_id has no unique key (members_clerk_id_unique)",
  ],
])("%s: it is named, and migrate restores it", async (change, says) => {
  await write();
  await pool.query(change);
  expect((await findSchemaProblems(pool)).map((problem) => problem.says)).toEqual([says]);
  await expect(write()).rejects.toMatchObject({ code: "schema.changed" });
  expect(await restoreTables(pool)).toEqual({ restored: [says], left: [] });
  expect(await findSchemaProblems(pool)).toEqual([]);
  await write();
});

test.each([
  [
    "alter table app.members rename plan to tier",
    "app.members.plan is missing, because it was renamed to tier",
    "alter table app.members rename column tier to plan;",
  ],
  [
    "alter table app.members rename to people",
    "app.members is missing, because it was renamed to app.people",
    "alter table app.people rename to members;",
  ],
  [
    "update app.members set email = ''; alter table app.members alter email set not null",
    "app.members.email is NOT NULL, but must be able to be null",
    "alter table app.members alter column email drop not null;",
  ],
])("%s: it is named, and its statement is right", async (change, says, statement) => {
  await pool.query(change);
  expect((await findSchemaProblems(pool)).map((problem) => problem.says)).toEqual([says]);
  const { restored, left } = await restoreTables(pool);
  expect(restored).toEqual([]);
  expect(describeLeft(left).map((line) => line.trim())).toEqual([says, statement]);
  await pool.query(statement);
  expect(await findSchemaProblems(pool)).toEqual([]);
});

test("a column of the app that was dropped is the app's to make again", async () => {
  await pool.query("alter table app.members drop column full_name");
  const [problem, ...more] = await findSchemaProblems(pool);
  expect(more).toEqual([]);
  expect(problem).toMatchObject({
    says: "app.members.full_name is missing, but users.columns.name names it",
  });
  expect(problem?.restore).toBeUndefined();
});

test("the doctor's look-ups follow the mapping", async () => {
  expect(await listAppColumns(pool)).toEqual([]);
  await pool.query("alter table app.members add phone text, drop constraint members_clerk_id_unique");
  await pool.query("insert into app.members (clerk_id) values ('user_x'), ('user_x')");
  expect(await listAppColumns(pool)).toEqual(["app.members.phone"]);
  expect((await findDuplicateRows(pool)).join()).toMatch(
    /^app\.members\.clerk_id must be unique.*clerk_id user_x/s,
  );
  // A table of this size grows by two million dead rows before autovacuum begins.
  await pool.query("update pg_class set reltuples = 1e7 where oid = 'app.members'::regclass");
  expect(await listRarelyVacuumed(pool)).toEqual(["app.members"]);
  await pool.query("alter table app.members set (autovacuum_vacuum_scale_factor = 0.02)");
  expect(await listRarelyVacuumed(pool)).toEqual([]);
  // Keys of uuid are not used up.
  expect(await measureIdUse(pool)).toEqual([]);
  const { mapping, sql } = mappedApps.camelCase;
  const other = await open(mapping, sql);
  try {
    await other.query(`alter table "public"."AppUsers" alter "userId" restart with 6917529027641081856`);
    await other.query(`insert into public."AppUsers" ("clerkId") values ('user_b')`);
    expect(await measureIdUse(other)).toEqual([
      {
        table: "AppUsers",
        column: "userId",
        sequence: `public."AppUsers_userId_seq"`,
        least: "-9223372036854775808",
        used: 0.75,
      },
    ]);
  } finally {
    await other.end();
  }
});
