import pg from "pg";

export type Pool = pg.Pool;

/** Anything that runs a statement: the pool, or the client of an open transaction. */
export type Queryable = Pick<pg.Pool, "query">;

export type PoolOptions = {
  databaseUrl: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  max?: number;
  /** Longest wait for a connection and, separately, for one statement's answer. */
  connectTimeoutMs?: number;
  queryTimeoutMs?: number;
  /** Called for a broken idle connection; without a listener `pg` ends the process. */
  onIdleError: (error: Error) => void;
};

/** A connection pool whose every wait has an end, also when the server is frozen rather than gone. */
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
  // A connection that breaks says so twice: its statement fails, and the client emits an error, which would end
  // the process if nobody listened. Whoever took the client cannot listen in time: what the server said last may
  // have come in one piece with what made the client ready, and a promise resolves only after both.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}
