import type { Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { inject } from "vitest";
import { migrateUp } from "./migrate/migrate.ts";
import { createPool, type Pool } from "./pool.ts";
import { giveProfiles, type ProfileDefaults, type ProfileOutcome } from "./profiles.ts";
import { inTransaction } from "./transaction.ts";
import { blankUser, type UserSnapshot } from "./user-columns.ts";
import { applySnapshots, findSession } from "./users.ts";

/** A pool on a fresh, empty database of the test server. */
export async function createEmptyPool(mapping?: Mapping): Promise<Pool> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  // With `public`, statements of tests need no schema. tests/e2e/planted-names.test.ts runs the processes without it.
  return createPool({
    databaseUrl,
    ...(mapping && { mapping }),
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  });
}

/** A pool on a fresh, migrated database of the test server. */
export async function createTestPool(mapping?: Mapping): Promise<Pool> {
  const pool = await createEmptyPool(mapping);
  await migrateUp(pool);
  return pool;
}

/** A pool on a fresh database with tables of an app, which `sql` makes and `mapping` names, migrated. */
export async function createMappedPool(mapping: Mapping, sql: string): Promise<Pool> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const pool = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  await pool.query(sql);
  await migrateUp(pool);
  return pool;
}

/** Empties the tables of users, profiles, conflicts, events and held deletions. Runs, leases and sequences stay. */
export async function emptyTables(pool: Pool): Promise<void> {
  await pool.query(
    "truncate users, mentorados, rollcall.conflicts, rollcall.events, rollcall.held_deletions",
  );
}

/** Resolves once a transaction of this database waits for another one. */
export async function untilBlocked(pool: Pool): Promise<void> {
  for (;;) {
    const blocked = await pool.query(
      `select from pg_stat_activity
       where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`,
    );
    if (blocked.rows.length > 0) return;
  }
}

/** A user of the tests, as Clerk describes it. */
export function makeSnapshot(fields: Partial<UserSnapshot> = {}): UserSnapshot {
  return {
    ...blankUser,
    clerkId: "user_a",
    email: "a@example.com",
    emailVerified: true,
    name: "A",
    clerkCreatedAtMs: 1_000,
    clerkUpdatedAtMs: 1_000,
    readTicket: 1,
    cause: "webhook",
    ref: "msg_1",
    ...fields,
  };
}

const defaults: ProfileDefaults = { nomeCompleto: "New User", turma: "neon", create: true };

/** The write: both statements in one transaction. @returns the outcome of each user */
export function writeUsers(
  pool: Pool,
  snapshots: readonly UserSnapshot[],
  { turma = null, create = true }: { turma?: string | null; create?: boolean } = {},
): Promise<Record<string, ProfileOutcome>> {
  return inTransaction(pool, async (client) => {
    await applySnapshots(client, snapshots);
    const requests = snapshots.map(({ clerkId, cause, ref }) => ({
      clerkId,
      metadata: [turma],
      secondaryEmails: [],
      cause,
      ref,
    }));
    const given = await giveProfiles(client, requests, { ...defaults, create });
    return Object.fromEntries(given.map(({ clerkId, outcome }) => [clerkId, outcome]));
  });
}

/** User and profile of an id that has a row in the default tables. */
export async function getSession(pool: Pool, clerkId = "user_a") {
  const session = await findSession(pool, clerkId);
  if (!session) throw new Error(`No row for ${clerkId}`);
  const { user, mentorado } = session;
  if (mentorado && "columns" in mentorado) throw new Error("The profile is of another table");
  return { user, mentorado };
}
