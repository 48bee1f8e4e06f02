import pg from "pg";
import { createSchemaWatch, type SchemaWatch } from "./app-schema/schema-watch.ts";
import { toPostgresError } from "./errors.ts";
import type { Connection, Queryable } from "./queryable.ts";

export type { Connection, Queryable };

export type Pool = Queryable & {
  /** @throws PostgresError `postgres.unavailable` if no connection is ready in time */
  connect(): Promise<Connection>;
  end(): Promise<void>;
  /** The driver's own pool, for libraries that need one. Its errors are no PostgresErrors. */
  readonly driver: pg.Pool;
  /** Whether the app's two tables still have our columns and keys. */
  readonly schema: SchemaWatch;
};

export type PoolOptions = {
  databaseUrl: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  max?: number;
  /** The longest wait for a connection and, separately, for the answer of one statement. */
  connectTimeoutMs?: number;
  queryTimeoutMs?: number;
  /** Called for a broken idle connection. Without a listener `pg` ends the process. */
  onIdleError: (error: Error) => void;
};

/**
 * A connection pool in which every wait ends, also while the server is frozen. Its failures are PostgresErrors, so no
 * caller sees the details of the driver's errors, which quote rows.
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
  // A breaking connection fails its statement and also emits an error, which ends the process without a listener. The
  // code that took the client would listen too late: the server's last message may arrive together with the message
  // that made the client ready, and a promise resolves after both.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const send = query(pool);
  const schema = createSchemaWatch({ query: send });
  return {
    // The statement has returned its connection, so the check of the schema finds one. Inside a transaction it might
    // not: there, inTransaction explains the error once the connection is back.
    query: (statement, values) =>
      send(statement, values).catch(async (error) => Promise.reject(await schema.explain(error))),
    schema,
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
