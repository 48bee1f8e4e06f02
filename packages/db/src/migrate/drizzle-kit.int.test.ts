import { createDatabase } from "@rollcall/local-services";
import { pushSchema } from "drizzle-kit/api";
import { drizzle } from "drizzle-orm/node-postgres";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createPool, type Pool } from "../pool.ts";
import { mentorados, users } from "../schema.ts";
import { migrateUp } from "./migrate.ts";

let pool: Pool;

beforeEach(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({ databaseUrl, applicationName: "test", max: 1, onIdleError: () => undefined });
});
afterEach(() => pool.end());

/** What the app's `drizzle-kit push` would do to the database, were these its tables. */
async function listPushes(tables: Record<string, unknown>): Promise<string[]> {
  const { statementsToExecute } = await pushSchema(tables, drizzle(pool.driver), ["public"]);
  return statementsToExecute;
}

test("an app that imports the schema has nothing to push after the migration", async () => {
  await migrateUp(pool);
  expect(await listPushes({ users, mentorados })).toEqual([]);
});

test("nor has one that pushed the schema to an empty database before, and our queries find its indexes", async () => {
  for (const statement of await listPushes({ users, mentorados })) await pool.query(statement);
  await migrateUp(pool);
  expect(await listPushes({ users, mentorados })).toEqual([]);
  await pool.query("set enable_seqscan = off");
  const plan = await pool.query(
    "explain select from mentorados where rollcall.fold_email(email::text) = 'a@example.com'",
  );
  expect(JSON.stringify(plan.rows)).toContain("mentorados_folded_email");
});

test("a column or index that the schema does not know would be noticed", async () => {
  await migrateUp(pool);
  await pool.query("alter table users add unknown text; create index unknown on mentorados (turma)");
  expect(await listPushes({ users, mentorados })).toEqual(
    expect.arrayContaining([
      expect.stringContaining('DROP COLUMN "unknown"'),
      expect.stringContaining('DROP INDEX "unknown"'),
    ]),
  );
});
