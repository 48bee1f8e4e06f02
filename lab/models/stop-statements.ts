import { setTimeout as sleep } from "node:timers/promises";
import type { Connection, Pool, Queryable } from "@rollcall/db";
import type { SteppedProcess } from "./stepped-process.ts";

/** A statement that is about to be sent. */
export type Sent = {
  /** The name of a prepared statement, otherwise its text. */
  statement: string;
  /** Statements of the open transaction so far; empty outside of one. */
  before: readonly string[];
  values: readonly unknown[];
};

/** A process that a test stops. */
type Stoppable = Pick<SteppedProcess, "assertAlive" | "stop"> & {
  /** Called with each statement that was sent. */
  track?: <T>(work: Promise<T>) => Promise<T>;
};

type ChangeValues = (statement: string, values: readonly unknown[] | undefined) => unknown[];

/**
 * A pool on which a process stops before some statements.
 *
 * @param nameStop the name of the stop, or undefined for a statement that is no step of the protocol
 * @param changeValues changes the values of a statement, after its stop
 */
export function stopStatements(
  pool: Pool,
  process: Stoppable,
  nameStop: (sent: Sent) => string | undefined,
  changeValues: ChangeValues = (_, values = []) => [...values],
): Pool {
  const { track = (work) => work } = process;
  const stopOn = (db: Queryable, transaction: string[] | undefined): Queryable["query"] => {
    return async (sent, values) => {
      const statement = typeof sent === "string" ? sent : (sent.name ?? sent.text);
      if (transaction && statement.startsWith("begin")) transaction.length = 0;
      process.assertAlive();
      const given = (typeof sent === "string" ? values : sent.values) ?? [];
      const stop = nameStop({ statement, before: transaction ?? [], values: given });
      if (stop !== undefined) await process.stop(stop);
      transaction?.push(statement);
      if (typeof sent === "string") return track(db.query(sent, changeValues(statement, values)));
      return track(db.query({ ...sent, values: changeValues(statement, sent.values) }));
    };
  };
  return {
    ...pool,
    query: stopOn(pool, undefined),
    connect: async (): Promise<Connection> => {
      process.assertAlive();
      const client = await track(pool.connect());
      return { ...client, query: stopOn(client, []) };
    },
  };
}

const blocked = `
select from pg_stat_activity
where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`;

async function isBlocked(pool: Pool): Promise<boolean> {
  return (await pool.query(blocked)).rows.length > 0;
}

const pollMs = 5;

/** Waits until a statement waits for the lock of an open transaction. */
export async function untilBlocked(pool: Pool): Promise<void> {
  while (!(await isBlocked(pool))) await sleep(pollMs);
}

/**
 * Takes the step of a process while all others are stopped. So a transaction that blocks it never ends.
 *
 * @throws when the step waits for a lock
 */
export async function proceedUnblocked(pool: Pool, process: SteppedProcess): Promise<void> {
  const step = process.proceed();
  const waits = new AbortController();
  const watch = async () => {
    for (;;) {
      await sleep(20 * pollMs, undefined, waits);
      if (await isBlocked(pool)) throw new Error("It waits for a lock");
    }
  };
  // The step may fail after the watch did, and the watch ends with an error.
  step.catch(() => undefined);
  await Promise.race([step, watch()]).finally(() => waits.abort());
}
