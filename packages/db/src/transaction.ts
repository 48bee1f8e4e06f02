import { isRerunnable, readSqlState } from "./errors.ts";
import type { Connection, Pool } from "./pool.ts";

const maxRuns = 5;

// A stricter default of the database would take its snapshot before a lock, and would miss what the lock's last holder
// wrote: concurrent transactions would count alike, and decide alike.
const begin = "begin isolation level read committed";

/**
 * Runs `work` in one READ COMMITTED transaction, again after a deadlock or a serialization failure.
 *
 * @throws what `work`, BEGIN or COMMIT threw; when the server did not answer, the connection is closed rather than
 * reused, because its state is unknown
 */
export function inTransaction<T>(pool: Pool, work: (client: Connection) => Promise<T>): Promise<T> {
  return runTransaction(pool, work, "commit");
}

/** Runs `work` as `inTransaction` does, and then rolls everything back: its result is what would have happened. */
export function inRolledBackTransaction<T>(pool: Pool, work: (client: Connection) => Promise<T>): Promise<T> {
  return runTransaction(pool, work, "rollback");
}

async function runTransaction<T>(
  pool: Pool,
  work: (client: Connection) => Promise<T>,
  end: "commit" | "rollback",
): Promise<T> {
  for (let run = 1; ; run++) {
    try {
      return await runOnce(pool, work, end);
    } catch (error) {
      if (run === maxRuns || !isRerunnable(error)) throw error;
    }
  }
}

async function runOnce<T>(
  pool: Pool,
  work: (client: Connection) => Promise<T>,
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

function rollBack(client: Connection): Promise<boolean> {
  return client.query("rollback").then(
    () => true,
    () => false,
  );
}
