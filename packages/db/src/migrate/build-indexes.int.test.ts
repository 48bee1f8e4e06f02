import { createDatabase } from "@rollcall/local-services";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createPool, type Pool } from "../pool.ts";
import { untilBlocked } from "../testing.ts";
import { buildLargeIndexes } from "./build-indexes.ts";
import { listNeededMigrations, migrateDown, migrateUp, planMigration, restoreTables } from "./migrate.ts";
import { liveApp } from "./testing.ts";

/** Every table with a row is large. */
const large = { largerThanBytes: 0 };

const names = ["mentorados_near_email", "users_claimant_email", "users_clerk_created_at"];

let pool: Pool;
let app: Pool;

beforeEach(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const options = {
    databaseUrl,
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  };
  pool = createPool(options);
  app = createPool(options);
  await app.query(liveApp);
});
afterEach(() => Promise.all([pool.end(), app.end()]));

const listIndexes = async (isValid = true) => {
  const { rows } = await app.query<{ name: string }>(
    `select c.relname as name from pg_index x join pg_class c on c.oid = x.indexrelid
     where c.relname = any ($1) and x.indisvalid = $2 order by name`,
    [names, isValid],
  );
  return rows.map(({ name }) => name);
};

test("migrate leaves the indexes of large tables out, and then builds each alone", async () => {
  const { statements, later } = await planMigration(pool, large);
  expect(later).toHaveLength(3);
  expect(later.every((line) => line.startsWith("create index concurrently"))).toBe(true);
  expect(names.some((name) => statements.join().includes(`index if not exists "${name}"`))).toBe(false);
  await migrateUp(pool, large);
  expect(await listIndexes()).toEqual([]);
  expect((await planMigration(pool, large)).later.toSorted()).toEqual(later.toSorted());
  expect(await buildLargeIndexes(pool, large)).toHaveLength(3);
  expect(await listIndexes()).toEqual(names);
  expect(await buildLargeIndexes(pool, large)).toEqual([]);
  expect(await planMigration(pool, large)).toEqual({ problems: [], statements: [], later: [] });
  expect(await restoreTables(pool)).toEqual({ restored: [], left: [] });
  for (const _ of await listNeededMigrations(pool)) await migrateDown(pool);
  expect(await listIndexes()).toEqual([]);
});

test("small tables get them in the transaction of the migration, and a migration without a build can be reverted", async () => {
  await migrateUp(pool);
  expect(await listIndexes()).toEqual(names);
  for (const _ of await listNeededMigrations(pool)) await migrateDown(pool);
  await migrateUp(pool, large);
  for (const _ of await listNeededMigrations(pool)) await migrateDown(pool);
  await migrateUp(pool);
  expect(await listIndexes()).toEqual(names);
});

test("the app writes while an index is built, and what a process that died left is built anew, once for two processes", async () => {
  await migrateUp(pool, large);
  const writer = await app.connect();
  await writer.query("begin");
  await writer.query("insert into users (clerk_id) values ('user_open')");
  const dying = buildLargeIndexes(pool, large).catch(() => "died");
  await untilBlocked(app);
  // A build with a lock on the table would make this insert wait.
  await app.query("set lock_timeout = 2000; insert into users (clerk_id) values ('user_meanwhile')");
  await app.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'create index%'",
  );
  expect(await dying).toBe("died");
  await writer.query("commit");
  writer.release();
  expect(await listIndexes(false)).toHaveLength(1);
  const built = await Promise.all([buildLargeIndexes(pool, large), buildLargeIndexes(app, large)]);
  expect(built.map((lines) => lines.length).toSorted()).toEqual([0, 3]);
  expect(await listIndexes()).toEqual(names);
  expect(await listIndexes(false)).toEqual([]);
});
