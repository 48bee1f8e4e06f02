import type pg from "pg";
import type { Pool } from "./pool.ts";

/** SQLSTATEs after which the same transaction may simply run again: serialization failure, deadlock. */
const rerunnable = new Set(["40001", "40P01"]);
const maxRuns = 5;

// A stricter default of the database would take its snapshot before a lock, and see nothing of what the lock's last
// holder wrote: everybody would count alike, and decide alike.
const begin = "begin isolation level read committed";

/**
 * Runs `work` in one READ COMMITTED transaction, again after a deadlock or a serialization failure.
 *
 * @throws what `work`, BEGIN or COMMIT threw; the connection is then closed rather than reused, because
 * nobody knows the state it is in.
 */
export function inTransaction<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return runTransaction(pool, work, "commit");
}

/** What `work` would come to: as `inTransaction`, and then everything is taken back. */
export function inTrial<T>(pool: Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return runTransaction(pool, work, "rollback");
}

async function runTransaction<T>(
  pool: Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  end: "commit" | "rollback",
): Promise<T> {
  for (let run = 1; ; run++) {
    try {
      return await runOnce(pool, work, end);
    } catch (error) {
      if (run === maxRuns || !rerunnable.has(readSqlState(error) ?? "")) throw error;
    }
  }
}

async function runOnce<T>(
  pool: Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  end: "commit" | "rollback",
): Promise<T> {
  const client = await pool.connect();
  let reusable = false;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query(end);
    reusable = true;
    return result;
  } catch (error) {
    // Without an answer from the server a ROLLBACK would only wait again; closing the connection rolls back.
    if (readSqlState(error) !== undefined) reusable = await rollBack(client);
    throw error;
  } finally {
    client.release(!reusable);
  }
}

function rollBack(client: pg.PoolClient): Promise<boolean> {
  return client.query("rollback").then(
    () => true,
    () => false,
  );
}

/** The five-character SQLSTATE of an error from Postgres; undefined when no server answered. */
export function readSqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? error.code : undefined;
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return code;
  // drizzle wraps what pg threw.
  return readSqlState(error.cause);
}
