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
  pool = createPool({
    databaseUrl,
    applicationName: "test",
    max: 1,
    searchPath: "public",
    onIdleError: () => undefined,
  });
});
afterEach(() => pool.end());

/** The statements of the app's `drizzle-kit push`, if these were its tables. */
async function listPushes(tables: Record<string, unknown>): Promise<string[]> {
  const { statementsToExecute } = await pushSchema(tables, drizzle(pool.driver), ["public"]);
  return statementsToExecute;
}

test("an app that imports the schema has nothing to push after the migration", async () => {
  await migrateUp(pool);
  expect(await listPushes({ users, mentorados })).toEqual([]);
});

test("an app that pushed the schema before the migration has nothing to push after it, and our queries use its indexes", async () => {
  for (const statement of await listPushes({ users, mentorados })) await pool.query(statement);
  await migrateUp(pool);
  expect(await listPushes({ users, mentorados })).toEqual([]);
  await pool.query("set enable_seqscan = off");
  const plan = await pool.query(
    "explain select from mentorados where rollcall.near_email(email::text) = rollcall.near_email('a@example.com')",
  );
  expect(JSON.stringify(plan.rows)).toContain("mentorados_near_email");
});

test("a column or index that is not in the schema is found", async () => {
  await migrateUp(pool);
  await pool.query("alter table users add unknown text; create index unknown on mentorados (turma)");
  expect(await listPushes({ users, mentorados })).toEqual(
    expect.arrayContaining([
      expect.stringContaining('DROP COLUMN "unknown"'),
      expect.stringContaining('DROP INDEX "unknown"'),
    ]),
  );
});
