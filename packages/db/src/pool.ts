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
  /** Schemas in which unqualified names are found; by default none of the database's own. Only tests need one. */
  searchPath?: string;
  /** Called for a broken idle connection. Without a listener `pg` ends the process. */
  onIdleError: (error: Error) => void;
};

/**
 * Our statements name the schema of each table and function of ours. With the app's schemas in the path, a function made
 * there for a closer argument type, such as `unnest(text[])`, would run in place of Postgres' own, with our rights. A
 * temporary table would stand before ours if `pg_temp` were not last.
 */
const ownSearchPath = "pg_catalog,pg_temp";

/**
 * A connection pool in which every wait ends, also while the server is frozen. Its failures are PostgresErrors, so no
 * caller sees the details of the driver's errors, which quote rows.
 */
export function createPool(options: PoolOptions): Pool {
  const { connectTimeoutMs = 3_000, queryTimeoutMs = 10_000 } = options;
  const pool = new pg.Pool({
    connectionString: joinStartupOptions(
      options.databaseUrl,
      `-c search_path=${options.searchPath ?? ownSearchPath}`,
    ),
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

/**
 * Adds startup options to those in the URL, such as Neon's `endpoint=…`. The driver would take the URL's alone. Of two
 * values for one setting Postgres takes the later one, so ours hold.
 */
export function joinStartupOptions(databaseUrl: string, ours: string): string {
  const start = databaseUrl.indexOf("?");
  if (start === -1) return `${databaseUrl}?options=${encodeURIComponent(ours)}`;
  const query = databaseUrl.slice(start + 1);
  const given = new URLSearchParams(query).getAll("options").at(-1);
  // Other parameters keep their text: a second encoding might change a path or a password.
  const others = query.split("&").filter((pair) => !new URLSearchParams(pair).has("options") && pair !== "");
  const joined = `options=${encodeURIComponent(given === undefined ? ours : `${given} ${ours}`)}`;
  return `${databaseUrl.slice(0, start)}?${[...others, joined].join("&")}`;
}
