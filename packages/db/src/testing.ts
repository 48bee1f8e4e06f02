import { createDatabase } from "@rollcall/local-services";
import { inject } from "vitest";
import { migrateUp } from "./migrate/migrate.ts";
import { createPool, type Pool } from "./pool.ts";

/** A pool on a fresh, empty database of the test server. */
export async function createEmptyPool(): Promise<Pool> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  return createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
}

/** A pool on a fresh, migrated database of the test server. */
export async function createTestPool(): Promise<Pool> {
  const pool = await createEmptyPool();
  await migrateUp(pool);
  return pool;
}

/** Empties the tables that a write fills, and the held deletions; runs, leases and sequences stay. */
export async function emptyTables(pool: Pool): Promise<void> {
  await pool.query(
    "truncate users, mentorados, rollcall.conflicts, rollcall.events, rollcall.held_deletions",
  );
}

/** Resolves when some transaction waits for another one of this database. */
export async function untilBlocked(pool: Pool): Promise<void> {
  for (;;) {
    const blocked = await pool.query(
      `select from pg_stat_activity
       where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    );
    if (blocked.rows.length > 0) return;
  }
}
