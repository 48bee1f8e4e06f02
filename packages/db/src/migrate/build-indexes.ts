import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { declareTables } from "../app-schema/declared-tables.ts";
import { findMissingIndexes } from "../app-schema/find-schema-problems.ts";
import type { Pool, Queryable } from "../pool.ts";
import { readRow, readRows } from "../rows.ts";

/** Up to this size, an index is built within a second or two, and writes may wait for it. */
const smallTableBytes = 16 * 2 ** 20;

/** The size of a partitioned table is that of its parts, whose indexes cannot be built concurrently. It counts as small. */
const large = `
select name from unnest($1::text[]) as name
join pg_class c on c.oid = to_regclass(name)
where c.relkind = 'r' and pg_relation_size(c.oid) > $2::bigint
`;

/** The app's tables on which writes would wait too long for an index. */
export async function findLargeTables(
  db: Queryable,
  largerThanBytes = smallTableBytes,
): Promise<ReadonlySet<string>> {
  const tables = declareTables(db).map(({ table }) => table);
  const { rows } = await db.query(large, [tables, largerThanBytes]);
  return new Set(readRows(z.object({ name: z.string() }), rows).map(({ name }) => name));
}

/** The same statement, which locks out no writer, and which no transaction can hold. */
export function writeConcurrently(statement: string): string {
  return statement.replace(/^(create|drop) index /, "$1 index concurrently ");
}

/** The key of the advisory lock, unique in this code; it spells "inde". */
const lockKey = 0x696e6465;
const pollMs = 500;
/** The driver's longest. The build reads the whole table, and waits for each transaction that began before. */
const longestBuildMs = 2 ** 31 - 1;

/**
 * Builds the indexes that large tables of the app lack, while the app goes on writing. `migrateUp` leaves them out, because
 * they need more than its transaction. What a build left that did not end is dropped and built anew. Another process that
 * calls this meanwhile waits. It asks again and again, because a build would wait for a statement that waits.
 *
 * @returns the problems that are solved, one line each
 */
export async function buildLargeIndexes(
  pool: Pool,
  { largerThanBytes }: { largerThanBytes?: number } = {},
): Promise<string[]> {
  const due = (db: Queryable) => findDue(db, largerThanBytes);
  if ((await due(pool)).length === 0) return [];
  const client = await pool.connect();
  try {
    const run = (text: string) => client.query({ text, query_timeout: longestBuildMs });
    await run("set statement_timeout = 0; set lock_timeout = 0");
    while (!(await tryLock(client))) await sleep(pollMs);
    const problems = await due(client);
    for (const { restore } of problems)
      for (const statement of restore?.statements ?? []) await run(writeConcurrently(statement));
    return problems.map(({ says }) => says);
  } finally {
    // The lock and the settings end with the connection.
    client.release(true);
  }
}

async function findDue(db: Queryable, largerThanBytes: number | undefined) {
  const tables = await findLargeTables(db, largerThanBytes);
  return tables.size === 0 ? [] : findMissingIndexes(db, tables);
}

async function tryLock(db: Queryable): Promise<boolean> {
  const { rows } = await db.query("select pg_try_advisory_lock($1) as locked", [lockKey]);
  return readRow(z.object({ locked: z.boolean() }), rows).locked;
}
