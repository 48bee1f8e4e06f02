import pg from "pg";
import { toPostgresError } from "./errors.ts";

// biome-ignore lint/suspicious/noExplicitAny: as in the driver: a row without a type is parsed by its reader, or read in a test.
type UntypedRow = any;

/** Runs a statement: the pool, or the connection of an open transaction. Every failure is a PostgresError. */
export type Queryable = {
  query<Row extends pg.QueryResultRow = UntypedRow>(
    statement: string | pg.QueryConfig,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>>;
};

/** One connection, taken out of the pool until it is released. */
export type Connection = Queryable & {
  /** Gives the connection back; with `true` it is closed instead. */
  release(close?: boolean): void;
};

export type Pool = Queryable & {
  /** @throws PostgresError `postgres.unavailable` when no connection is there in time */
  connect(): Promise<Connection>;
  end(): Promise<void>;
  /** The driver's own pool, for libraries that need one. Its errors are not PostgresErrors. */
  readonly driver: pg.Pool;
};

export type PoolOptions = {
  databaseUrl: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  max?: number;
  /** Longest wait for a connection and, separately, for the answer of one statement. */
  connectTimeoutMs?: number;
  queryTimeoutMs?: number;
  /** Called for a broken idle connection; without a listener `pg` ends the process. */
  onIdleError: (error: Error) => void;
};

/**
 * A connection pool in which every wait has an end, also when the server is frozen rather than gone. Its failures are
 * PostgresErrors, so no caller sees the details of Postgres, which quote rows.
 */
export function createPool(options: PoolOptions): Pool {
  const { connectTimeoutMs = 3_000, queryTimeoutMs = 10_000 } = options;
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.max ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    statement_timeout: queryTimeoutMs,
    idle_in_transaction_session_timeout: queryTimeoutMs,
    keepAlive: true,
  });
  pool.on("error", options.onIdleError);
  // A connection that breaks reports it twice: its statement fails, and the client emits an error, which ends the
  // process unless there is a listener. The code that took the client cannot listen in time: the server's last
  // message may arrive together with the one that made the client ready, and a promise resolves after both.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return {
    query: query(pool),
    connect: async () => {
      const client = await pool.connect().catch(rethrow);
      return { query: query(client), release: (close) => client.release(close) };
    },
    end: () => pool.end(),
    driver: pool,
  };
}

function query(client: pg.Pool | pg.PoolClient): Queryable["query"] {
  return <Row extends pg.QueryResultRow>(statement: string | pg.QueryConfig, values?: readonly unknown[]) =>
    client.query<Row>(statement, values === undefined ? undefined : [...values]).catch(rethrow);
}

function rethrow(error: unknown): never {
  throw toPostgresError(error);
}
