import { defaultMapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { expect, inject, test } from "vitest";
import { createPool } from "../pool.ts";
import { createTables } from "../tables.ts";
import { listNeededMigrations, migrateUp } from "./migrate.ts";
import { liveApp } from "./testing.ts";

const starters = 8;

/** Starts several migrations at once on a database that `prepare` made. @returns the ids that each applied */
async function migrateTogether(prepare: string): Promise<string[][]> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const pools = Array.from({ length: starters + 1 }, () =>
    createPool({ databaseUrl, applicationName: "test", max: 1, onIdleError: () => undefined }),
  );
  const [first, ...others] = pools;
  try {
    await first?.query(prepare);
    return await Promise.all(others.map((pool) => migrateUp(pool)));
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
}

test.each([
  ["an empty database", "select"],
  ["a live app's database", liveApp],
  // A stricter isolation takes its snapshot before the lock, without the changes of the migration that ran.
  [
    "a database with a stricter isolation",
    "do $$ begin execute format('alter database %I set default_transaction_isolation = ''repeatable read''', current_database()); end $$",
  ],
])("several migrations at once on %s all succeed, and one applies everything", async (_, prepare) => {
  const applied = await migrateTogether(prepare);
  const known = (await listNeededMigrations({ tables: createTables(defaultMapping) })).map(
    (migration) => migration.id,
  );
  expect(applied.filter((ids) => ids.length > 0)).toEqual([known]);
  expect(applied).toHaveLength(starters);
});
