import { readdir, readFile } from "node:fs/promises";
import { z } from "zod";
import type { TableKind } from "../app-schema/declared-table.ts";
import {
  findMissingIndexes,
  findSchemaProblems,
  type SchemaProblem,
} from "../app-schema/find-schema-problems.ts";
import { recordColumns } from "../app-schema/known-columns.ts";
import { findMappingChanges } from "../app-schema/mapping-changes.ts";
import { type Restoration, restoreSchema } from "../app-schema/restore-schema.ts";
import { isMigrated, recordMapping, writeMappingRecord } from "../mapping-record.ts";
import type { Connection, Pool, Queryable } from "../pool.ts";
import { renderSql } from "../render-sql.ts";
import { readRow, readRows } from "../rows.ts";
import { requestRun } from "../runs.ts";
import { sqlFolder } from "../sql-folder.ts";
import { isDefaultMapping, type Tables } from "../tables.ts";
import { inTransaction } from "../transaction.ts";
import { planAdoption, planOrganizations } from "./adoption/plan-adoption.ts";
import { findUnfit, MigrationRefusal, refuseUnfit } from "./adoption/refuse-unfit.ts";
import { tryWrites } from "./adoption/try-writes.ts";
import { findLargeTables, writeConcurrently } from "./build-indexes.ts";

/** The key of the advisory lock, unique in this code; it spells "roll". */
const lockKey = 0x726f6c6c;

/** The migration of the two tables that the app may already have. */
const adopting = "0001_users_and_mentorados";

/** The migration of the tables that only a mapping with separate state has. */
const separating = "0008_separate_state";

/** The migration of organizations. It is due only while the mapping has them, at any later time too. */
const organizing = "0010_organizations";

/** The migration that makes indexes on the app's tables. */
const indexing = "0002_rollcall";

/** While the migration waits for a table, every later statement on the table waits too. So it gives up early. */
const longestWaitForTables = "15s";

// The table has its own name, because the app may have drizzle's table, and its entries would hide ours.
const appliedTable = `
create schema if not exists rollcall;
create table if not exists rollcall.migrations (
  id         text primary key,
  applied_at timestamptz not null default now()
)`;

/**
 * Applies the missing migrations, all or none. Several processes may start it at once: a transaction-scoped lock lets
 * one process work, and the others find nothing left to do.
 *
 * Indexes on large tables of the app are left to `buildLargeIndexes`.
 *
 * @param options tables larger than this are large; 16 MB by default
 * @returns the applied ids, oldest first
 * @throws MigrationRefusal if the app's own tables cannot be adopted as they are; otherwise a PostgresError
 */
export async function migrateUp(
  pool: Pool,
  { largerThanBytes }: { largerThanBytes?: number } = {},
): Promise<string[]> {
  const known = await listNeededMigrations(pool);
  return inLockedTransaction(pool, async (client) => {
    const applied = await listApplied(client);
    const changes = (await findMappingChanges(client)).map(({ says }) => says);
    if (changes.length > 0) throw new MigrationRefusal(changes);
    const missing = known.filter((migration) => !applied.includes(migration.id));
    if (missing.length === 0) return [];
    await refuseUnfitDatabase(client);
    const kinds = listAdopted(missing);
    const adopts = kinds.length > 0 && (await refuseUnfit(client, kinds));
    const large = await findLargeTables(client, largerThanBytes);
    for (const statement of await writeUp(client, missing, large)) await client.query(statement);
    // The writes need all of our own tables too.
    if (adopts) await tryWrites(client);
    await recordColumns(client);
    return missing.map((migration) => migration.id);
  });
}

/** What `migrateUp` would do now. */
export type MigrationPlan = {
  /** Why it would be refused. The test write may refuse more: it needs the new columns. */
  problems: readonly string[];
  /** Its statements in their order, then those that restore what the app's own migrations dropped. */
  statements: readonly string[];
  /** Statements behind that transaction, each alone. */
  later: readonly string[];
};

/** Plans the missing migrations. It changes and locks nothing, and reads whole tables. @throws PostgresError */
export async function planMigration(
  db: Queryable,
  { largerThanBytes }: { largerThanBytes?: number } = {},
): Promise<MigrationPlan> {
  const changes = (await findMappingChanges(db)).map(({ says }) => says);
  if (changes.length > 0) return { problems: changes, statements: [], later: [] };
  const applied = await listApplied(db);
  const missing = (await listNeededMigrations(db)).filter(({ id }) => !applied.includes(id));
  const large = await findLargeTables(db, largerThanBytes);
  if (missing.length === 0) {
    const alone = await findMissingIndexes(db, large);
    const found = (await findSchemaProblems(db)).filter(
      ({ says }) => !alone.some((problem) => problem.says === says),
    );
    return {
      problems: [],
      statements: listStatements(found),
      later: listStatements(alone).map(writeConcurrently),
    };
  }
  const lacksIndexes = missing.some(({ id }) => id === indexing);
  const alone = lacksIndexes ? await findMissingIndexes(db, large, { isPlanned: true }) : [];
  const kinds = listAdopted(missing);
  const unfit = kinds.length > 0 ? await findUnfit(db, kinds) : [];
  const problems = [...(await findUnfitDatabase(db)), ...unfit];
  return {
    problems,
    statements: await writeUp(db, missing, large),
    later: listStatements(alone).map(writeConcurrently),
  };
}

const listStatements = (problems: readonly SchemaProblem[]) =>
  problems.flatMap(({ restore }) => restore?.statements ?? []);

/** The tables of the app that migrations make or adopt. */
function listAdopted(migrations: readonly Migration[]): TableKind[] {
  const applies = (id: string) => migrations.some((migration) => migration.id === id);
  return [
    ...(applies(adopting) ? (["users", "profile"] as const) : []),
    ...(applies(organizing) ? (["organizations", "memberships"] as const) : []),
  ];
}

/** The names in migrations without which the indexes of large tables are left out. */
function listLargeIndexes({ tables }: Queryable, large: ReadonlySet<string>): string[] {
  const { users, profile } = tables;
  return [
    ...(large.has(users.table) ? ["claimantIndex", "indexedDeletedAt", "createdIndex"] : []),
    ...(profile && large.has(profile.table) ? ["profileIndex"] : []),
  ];
}

/** The statements of migrations. Those that adopt tables of the app depend on the tables as they are now. */
async function writeUp(
  db: Queryable,
  migrations: readonly Migration[],
  large: ReadonlySet<string>,
): Promise<string[]> {
  const without = listLargeIndexes(db, large);
  const statements = [appliedTable];
  for (const { id, up } of migrations) {
    const adoptsMapped = id === adopting && !isDefaultMapping(db.tables.mapping);
    const isNeeded = id !== separating || db.tables.users.isSeparate;
    if (id === organizing) statements.push(...(await planOrganizations(db)));
    if (isNeeded)
      statements.push(...(adoptsMapped ? await planAdoption(db) : [renderSql(db, up, { without })]));
    statements.push(`insert into rollcall.migrations (id) values ('${id}')`);
  }
  // A mapping that changes later is recorded once its tables are whole: see restoreTables.
  if (migrations.some(({ id }) => id === adopting)) statements.push(...writeMappingRecord(db.tables));
  return statements;
}

const fitness = `
select current_setting('server_encoding') as encoding,
       exists (select from pg_collation where collname = 'und-x-icu') as "hasIcu"
`;

/** @throws MigrationRefusal */
async function refuseUnfitDatabase(client: Connection): Promise<void> {
  const problems = await findUnfitDatabase(client);
  if (problems.length > 0) throw new MigrationRefusal(problems);
}

/** Emails are compared in their Unicode forms: see email.ts. */
async function findUnfitDatabase(db: Queryable): Promise<string[]> {
  const shape = z.object({ encoding: z.string(), hasIcu: z.boolean() });
  const { encoding, hasIcu } = readRow(shape, (await db.query(fitness)).rows);
  return [
    ...(encoding === "UTF8" ? [] : [`The database has encoding ${encoding}; Rollcall needs UTF8`]),
    ...(hasIcu
      ? []
      : ['The database has no collation "und-x-icu"; Rollcall needs a Postgres that is built with ICU']),
  ];
}

/**
 * Restores what the app's own migrations took away from the two tables, and records a mapping that changed. Nothing
 * happens while migrations are missing.
 *
 * @returns also the fields of the mapping that changed, if any did
 * @throws MigrationRefusal if the tables cannot be changed; otherwise a PostgresError
 */
export async function restoreTables(pool: Pool): Promise<Restoration & { remapped?: readonly string[] }> {
  return inLockedTransaction(pool, async (client) => {
    if ((await findMissingMigrations(client)).length > 0) return { restored: [], left: [] };
    const restoration = await restoreSchema(client);
    if (restoration.left.length > 0) return restoration;
    const remapped = await recordMapping(client);
    if (remapped.length === 0) return restoration;
    // Rows of users that do not change at Clerk have no value yet in a column that the mapping names from now on.
    await requestRun(client, { mode: "full", dryRun: false, startedBy: "migrate" });
    return { ...restoration, remapped };
  });
}

/**
 * Reverts the newest applied migration.
 *
 * @returns its id, or undefined without an applied migration
 * @throws MigrationRefusal if a newer version of Rollcall applied it; otherwise a PostgresError
 */
export async function migrateDown(pool: Pool): Promise<string | undefined> {
  const known = await readMigrations();
  return inLockedTransaction(pool, async (client) => {
    const newest = (await listApplied(client)).at(-1);
    if (newest === undefined) return undefined;
    const migration = known.find(({ id }) => id === newest);
    if (!migration)
      throw new MigrationRefusal([`Migration ${newest} is of a newer version of Rollcall: use that version`]);
    await client.query(renderSql(client, migration.down));
    await client.query("delete from rollcall.migrations where id = $1", [newest]);
    return newest;
  });
}

/** Ids of migrations that this version needs and the database lacks. */
export async function findMissingMigrations(db: Queryable): Promise<string[]> {
  const known = await listNeededMigrations(db);
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
  if (!(await isMigrated(db))) return [];
  const result = await db.query("select id from rollcall.migrations order by id");
  return readRows(z.object({ id: z.string() }), result.rows).map(({ id }) => id);
}

type Migration = {
  /** The file name without direction and ending, e.g. `0001_users_and_mentorados`. It orders the migrations. */
  id: string;
  up: string;
  down: string;
};

const folder = new URL("migrations/", sqlFolder);

let read: Promise<Migration[]> | undefined;

/** The migrations that the mapping needs, oldest first. */
export async function listNeededMigrations({
  tables,
}: {
  readonly tables: Tables;
}): Promise<readonly Migration[]> {
  const known = await readMigrations();
  return tables.organizations ? known : known.filter(({ id }) => id !== organizing);
}

/** All migrations of this version, oldest first. Their files are read once, because `/readyz` asks at each call. */
function readMigrations(): Promise<Migration[]> {
  read ??= readFiles().catch((error: unknown) => {
    read = undefined;
    throw error;
  });
  return read;
}

async function readFiles(): Promise<Migration[]> {
  const files = await readdir(folder);
  const ids = files.flatMap((file) => (file.endsWith(".up.sql") ? [file.slice(0, -".up.sql".length)] : []));
  return Promise.all(ids.sort().map(readMigration));
}

async function readMigration(id: string): Promise<Migration> {
  const readSql = (direction: "up" | "down") => readFile(new URL(`${id}.${direction}.sql`, folder), "utf8");
  return { id, up: await readSql("up"), down: await readSql("down") };
}
