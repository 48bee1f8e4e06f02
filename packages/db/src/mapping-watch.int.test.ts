import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { recordMapping } from "./mapping-record.ts";
import { migrateUp } from "./migrate/migrate.ts";
import { createPool, type Pool, type PoolOptions } from "./pool.ts";
import { inTransaction } from "./transaction.ts";

let databaseUrl: string;
beforeEach(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
});

function open(options: Partial<PoolOptions> = {}): Pool {
  const pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined, ...options });
  onTestFinished(() => pool.end());
  return pool;
}

const other: Mapping = { ...defaultMapping, users: { ...defaultMapping.users, table: "app.members" } };
const differs = { code: "schema.changed", message: expect.stringContaining("in users.table:") };

test("before the first migration, statements of any mapping run", async () => {
  await open({ mapping: other }).query("select 1");
  await open().query("select 1");
});

test("under another mapping than the recorded one, no statement runs and no connection is given", async () => {
  await migrateUp(open());
  const pool = open({ mapping: other });
  await expect(pool.query("select 1")).rejects.toMatchObject(differs);
  await expect(inTransaction(pool, async () => undefined)).rejects.toMatchObject(differs);
  expect(await pool.schema.check()).toMatchObject([{ object: "ROLLCALL_CONFIG" }]);
  expect(pool.schema.isBroken()).toBe(true);
  await open().query("select 1");
  // The same tables, written otherwise.
  const same = { ...defaultMapping, users: { ...defaultMapping.users, table: "users" } };
  await open({ mapping: same }).query("select 1");
});

test("once migrate records another mapping, running processes stop at their next check, and new ones start", async () => {
  const migrator = open({ mapping: other, checksMapping: false });
  const running = open();
  await migrateUp(running);
  await running.query("select 1");
  await recordMapping(migrator);
  expect(await running.schema.check()).toMatchObject([{ object: "ROLLCALL_CONFIG" }]);
  await expect(running.query("select 1")).rejects.toMatchObject(differs);
  await open({ mapping: other }).query("select 1");
  await recordMapping(open({ checksMapping: false }));
  await running.schema.check();
  await running.query("select 1");
});

test("a database of a version that recorded no mapping has the default one", async () => {
  await migrateUp(open());
  await open().query("alter table rollcall.migrations drop column mapping");
  await open().query("select 1");
  await expect(open({ mapping: other }).query("select 1")).rejects.toMatchObject(differs);
});

test("a time without a zone is written in UTC, whatever the zone of the database", async () => {
  const owner = open();
  await owner.query(`do $$ begin
    execute format('alter database %I set timezone to %L', current_database(), 'America/Sao_Paulo');
  end $$`);
  const { rows } = await open().query("select now()::timestamp = now() at time zone 'UTC' as same");
  expect(rows).toEqual([{ same: true }]);
});
