import type { Connection, Pool, Queryable } from "@rollcall/db";
import type { SteppedProcess } from "./stepped-process.ts";

/** A statement that is about to be sent. */
export type Sent = {
  /** The name of a prepared statement, otherwise its text. */
  statement: string;
  /** Statements of the open transaction so far; empty outside of one. */
  before: readonly string[];
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
  process: SteppedProcess,
  nameStop: (sent: Sent) => string | undefined,
  changeValues: ChangeValues = (_, values = []) => [...values],
): Pool {
  const stopOn = (db: Queryable, transaction: string[] | undefined): Queryable["query"] => {
    return async (sent, values) => {
      const statement = typeof sent === "string" ? sent : (sent.name ?? sent.text);
      if (transaction && statement.startsWith("begin")) transaction.length = 0;
      const stop = nameStop({ statement, before: transaction ?? [] });
      if (stop !== undefined) await process.stop(stop);
      transaction?.push(statement);
      if (typeof sent === "string") return db.query(sent, changeValues(statement, values));
      return db.query({ ...sent, values: changeValues(statement, sent.values) });
    };
  };
  return {
    ...pool,
    query: stopOn(pool, undefined),
    connect: async (): Promise<Connection> => {
      const client = await pool.connect();
      return { ...client, query: stopOn(client, []) };
    },
  };
}
