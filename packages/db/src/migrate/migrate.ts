import type { Connection, Pool, Queryable } from "../pool.ts";
import { inTransaction } from "../transaction.ts";
import { refuseUnfit } from "./adoption/refuse-unfit.ts";
import { tryWrites } from "./adoption/rolled-back-write.ts";
import { type Migration, readMigrations } from "./migrations.ts";

/** Any number that nobody else uses; it spells "roll". */
const lockKey = 0x726f6c6c;

/** The migration that makes the two tables which the app may already have. */
const adopting = "0001_users_and_mentorados";

/** While we wait for a table, everybody who comes later waits behind us: better to give up and say so. */
const longestWaitForTables = "15s";

// A table name of our own: the app may have drizzle's, and its entries would hide ours.
const ledger = `
create schema if not exists rollcall;
create table if not exists rollcall.migrations (
  id         text primary key,
  applied_at timestamptz not null default now()
)`;

/**
 * Applies what is missing, all or nothing. Safe to start from several processes at once: the
 * transaction-scoped lock lets one work, and the others find nothing left to do.
 *
 * @returns the ids that were applied, oldest first.
 * @throws MigrationRefusal when the app's own tables cannot be adopted as they are
 */
export async function migrateUp(pool: Pool): Promise<string[]> {
  const known = await readMigrations();
  return inLockedTransaction(pool, async (client) => {
    const applied = await listApplied(client);
    const missing = known.filter((migration) => !applied.includes(migration.id));
    if (missing.length === 0) return [];
    const adopts = missing.some((migration) => migration.id === adopting) && (await refuseUnfit(client));
    await client.query(ledger);
    for (const migration of missing) {
      await client.query(migration.up);
      await client.query("insert into rollcall.migrations (id) values ($1)", [migration.id]);
    }
    // Last, since the statements need all of our own tables too.
    if (adopts) await tryWrites(client);
    return missing.map((migration) => migration.id);
  });
}

/** Takes the newest applied migration back. @returns its id, or undefined when there is none. */
export async function migrateDown(pool: Pool): Promise<string | undefined> {
  const known = await readMigrations();
  return inLockedTransaction(pool, async (client) => {
    const newest = (await listApplied(client)).at(-1);
    if (newest === undefined) return undefined;
    await client.query(getMigration(known, newest).down);
    await client.query("delete from rollcall.migrations where id = $1", [newest]);
    return newest;
  });
}

/** Ids of migrations that this build needs and the database lacks. */
export async function findMissingMigrations(db: Queryable): Promise<string[]> {
  const known = await readMigrations();
  const applied = await listApplied(db);
  return known.map((migration) => migration.id).filter((id) => !applied.includes(id));
}

function inLockedTransaction<T>(pool: Pool, work: (client: Connection) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query("select pg_advisory_xact_lock($1)", [lockKey]);
    await client.query(`set local lock_timeout = '${longestWaitForTables}'`);
    return work(client);
  });
}

async function listApplied(db: Queryable): Promise<string[]> {
  const exists = await db.query<{ name: string | null }>(
    "select to_regclass('rollcall.migrations')::text as name",
  );
  if (!exists.rows[0]?.name) return [];
  const result = await db.query<{ id: string }>("select id from rollcall.migrations order by id");
  return result.rows.map((row) => row.id);
}

function getMigration(known: readonly Migration[], id: string): Migration {
  const found = known.find((migration) => migration.id === id);
  if (!found)
    throw new Error(`The database has migration ${id}, which this build does not know; use a newer build`);
  return found;
}
