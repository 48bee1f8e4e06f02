import { inChildSpan } from "@rollcall/observability";
import { isRerunnable, readSqlState } from "./errors.ts";
import type { Connection, Pool, Queryable } from "./pool.ts";

const maxRuns = 5;

// A stricter isolation takes its snapshot before it waits for a lock. It would miss the changes of the lock's last
// holder, and concurrent transactions would decide from the same counts.
const begin = "begin isolation level read committed";

/**
 * Runs `work` in one READ COMMITTED transaction. After a deadlock or a serialization failure it runs `work` again, up
 * to four times. If the server did not answer, the connection is closed instead of reused, because its state is
 * unknown.
 *
 * @throws the error of `work`, BEGIN or COMMIT
 */
export function inTransaction<T>(pool: Pool, work: (client: Connection) => Promise<T>): Promise<T> {
  return inChildSpan(pool.tracing, transactionSpan, () =>
    runTransaction(pool, { work, begin, end: "commit" }),
  );
}

/**
 * Runs `work` as `inTransaction` does, prepared for the write of users: see `prepareWrite`. The settings travel with BEGIN,
 * which saves a round trip for each write.
 *
 * @param limits of each statement's time, and of each wait for a lock, in milliseconds
 */
export function inWriteTransaction<T>(
  pool: Pool,
  work: (client: Connection) => Promise<T>,
  limits: { statementMs?: number; lockMs?: number } = {},
): Promise<T> {
  const { statementMs, lockMs } = limits;
  const prepared = `${begin}; ${setForWrite(lockMs)}${statementMs === undefined ? "" : `; set local statement_timeout = ${statementMs}`}`;
  return inChildSpan(pool.tracing, transactionSpan, () =>
    runTransaction(pool, { work, begin: prepared, end: "commit" }),
  );
}

/** Runs `work` as `inTransaction` does, and then rolls everything back. */
export function inRolledBackTransaction<T>(pool: Pool, work: (client: Connection) => Promise<T>): Promise<T> {
  return inChildSpan(pool.tracing, transactionSpan, () =>
    runTransaction(pool, { work, begin, end: "rollback" }),
  );
}

const transactionSpan = { name: "transaction", attributes: { "db.system.name": "postgresql" } };

type Transaction<T> = {
  work: (client: Connection) => Promise<T>;
  begin: string;
  end: "commit" | "rollback";
};

async function runTransaction<T>(pool: Pool, transaction: Transaction<T>): Promise<T> {
  try {
    return await rerun(() => runOnce(pool, transaction));
  } catch (error) {
    throw await pool.schema.explain(error);
  }
}

/** Runs a transaction, or a statement that is one, up to five times after deadlocks and serialization failures. */
export async function rerun<T>(attempt: () => Promise<T>): Promise<T> {
  for (let run = 1; ; run++) {
    try {
      return await attempt();
    } catch (error) {
      if (run === maxRuns || !isRerunnable(error)) throw error;
    }
  }
}

async function runOnce<T>(pool: Pool, { work, begin, end }: Transaction<T>): Promise<T> {
  const client = await pool.connect();
  let reusable = false;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query(end);
    reusable = true;
    return result;
  } catch (error) {
    // Without an answer of the server, a ROLLBACK would wait once more. Closing the connection rolls back too.
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

/** Longer than the app's own transactions hold a row, and much shorter than the time limit of a statement. */
export const longestLockWaitMs = 2_000;

/**
 * Limits each wait for a lock until the end of the open transaction. A row that the app keeps locked then fails only
 * its own user (55P03), while a statement's time limit counts as an outage. Take locks that may need longer waits
 * before.
 */
export async function waitBrieflyForLocks(db: Queryable, longestMs = longestLockWaitMs): Promise<void> {
  await db.query(`set local lock_timeout = ${longestMs}`);
}

/**
 * Prepares the open transaction for the write of users: it waits briefly for locks, and looks up each user by an index.
 *
 * Postgres plans the statements of the write once for each connection. While the tables are small, it would choose to read
 * all of them, and keep this plan while they grow: filling 15,000 users took 2.2 ms a user. Plans made anew each time would
 * cost a batch of sync jobs some milliseconds. Before version 18 a plan without an index is priced so high that Postgres
 * would compile it. The two settings hold for the triggers of the app too, which a transaction of the write runs.
 */
export async function prepareWrite(db: Queryable): Promise<void> {
  await db.query(setForWrite());
}

const setForWrite = (lockMs = longestLockWaitMs): string =>
  `set local lock_timeout = ${lockMs}; set local enable_seqscan = off; set local jit = off`;

/** Postgres itself needs a few seconds for a million users. */
const longestReadMs = 120_000;
const silentMs = 5_000;

/** Runs a statement that may read a whole table, in the open transaction. Its later statements have the same limit. */
export async function readAtLength(client: Queryable, text: string, values: unknown[] = []) {
  await client.query(`set local statement_timeout = ${longestReadMs}`);
  // The driver's limit is for a server that is silent. The server's own must come first: it leaves the connection usable.
  return client.query({ text, values, query_timeout: longestReadMs + silentMs });
}
