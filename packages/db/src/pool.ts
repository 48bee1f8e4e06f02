import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { inChildSpan, type Tracing } from "@rollcall/observability";
import type pg from "pg";
import { createSchemaWatch, type SchemaWatch } from "./app-schema/schema-watch.ts";
import { DriverPool } from "./driver-pool.ts";
import { readSqlState, toPostgresError } from "./errors.ts";
import { watchMapping } from "./mapping-watch.ts";
import type { Connection, Queryable, Statement } from "./queryable.ts";
import { createStatementDescriber, waitForConnection } from "./statement-spans.ts";
import { createTables } from "./tables.ts";

export type { Connection, Queryable };

export type Pool = Queryable & {
  /** @throws PostgresError `postgres.unavailable` if no connection is ready in time */
  connect(): Promise<Connection>;
  end(): Promise<void>;
  /** The most connections that it opens. */
  readonly max: number;
  /** The driver's own pool, for libraries that need one. Its errors are no PostgresErrors. */
  readonly driver: pg.Pool;
  /** Whether the app's two tables still have our columns and keys. */
  readonly schema: SchemaWatch;
  readonly tracing: Tracing | undefined;
};

export type PoolOptions = {
  databaseUrl: string;
  /** The app's tables; by default `public.users` and `public.mentorados`. */
  mapping?: Mapping;
  /** With `false`, statements run although migrate recorded another mapping: migrate itself changes it. */
  checksMapping?: boolean;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  max?: number;
  /** The longest waits: until a connection is free, for a new one, and for the answer of one statement. */
  waitTimeoutMs?: number;
  connectTimeoutMs?: number;
  queryTimeoutMs?: number;
  /** Schemas in which unqualified names are found; by default none of the database's own. Only tests need one. */
  searchPath?: string;
  /** Each statement, and each wait for a connection, is a span of it. */
  tracing?: Tracing | undefined;
  /** Called for a broken idle connection. Without a listener `pg` ends the process. */
  onIdleError: (error: Error) => void;
  /** Called, at most once in five seconds, when the server grants no more connections. Work then waits. */
  onRefused?: (error: Error) => void;
};

/**
 * Our statements name the schema of each table and function of ours. With the app's schemas in the path, a function made
 * there for a closer argument type, such as `unnest(text[])`, would run in place of Postgres' own, with our rights. A
 * temporary table would stand before ours if `pg_temp` were not last.
 *
 * A time without a zone is read as UTC, so it is written in UTC too, whatever the zone of the database.
 */
const ownSearchPath = "pg_catalog,pg_temp";

/**
 * A connection pool in which every wait ends, also while the server is frozen. Its failures are PostgresErrors, so no
 * caller sees the details of the driver's errors, which quote rows.
 */
export function createPool(options: PoolOptions): Pool {
  const { max = 10, connectTimeoutMs = 3_000, queryTimeoutMs = 10_000 } = options;
  const pool = new DriverPool({
    connectionString: joinStartupOptions(
      options.databaseUrl,
      `-c search_path=${options.searchPath ?? ownSearchPath} -c timezone=UTC`,
    ),
    application_name: options.applicationName,
    max,
    waitTimeoutMs: options.waitTimeoutMs ?? 10_000,
    connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    statement_timeout: queryTimeoutMs,
    idle_in_transaction_session_timeout: queryTimeoutMs,
    keepAlive: true,
    ...(options.onRefused && { onRefused: options.onRefused }),
  });
  pool.on("error", options.onIdleError);
  const { tracing } = options;
  const trace = tracing && { tracing, describe: createStatementDescriber() };
  const send = query(pool, trace);
  const { mapping = defaultMapping } = options;
  const tables = createTables(mapping);
  const own = createSchemaWatch({ query: send, tables });
  const checks = options.checksMapping ?? true;
  const { schema, agree } = checks
    ? watchMapping({ query: send, tables }, own)
    : { schema: own, agree: () => undefined };
  return {
    tables,
    // The statement has returned its connection, so the check of the schema finds one. Inside a transaction it might
    // not: there, inTransaction explains the error once the connection is back.
    query: async (statement, values) => {
      await agree();
      return send(statement, values).catch(async (error) => Promise.reject(await schema.explain(error)));
    },
    schema,
    tracing,
    connect: async () => {
      await agree();
      const client = await inChildSpan(tracing, waitForConnection, () => pool.connect().catch(rethrow));
      return { tables, query: query(client, trace), release: (close) => client.release(close) };
    },
    end: () => pool.end(),
    max,
    driver: pool,
  };
}

type StatementTracing = { tracing: Tracing; describe: ReturnType<typeof createStatementDescriber> };

function query(client: pg.Pool | pg.PoolClient, trace: StatementTracing | undefined): Queryable["query"] {
  const send = <Row extends pg.QueryResultRow>(statement: string | Statement, values?: readonly unknown[]) =>
    client.query<Row>(statement, values === undefined ? undefined : [...values]).catch(rethrow);
  if (!trace) return send;
  return (statement, values) =>
    inChildSpan(trace.tracing, trace.describe(statement), async (span) => {
      try {
        return await send(statement, values);
      } catch (error) {
        const state = readSqlState(error);
        if (state !== undefined) span?.set({ "db.response.status_code": state });
        throw error;
      }
    });
}

function rethrow(error: unknown): never {
  throw toPostgresError(error);
}

/** All of BullMQ's statements are short. Its blocking wait is a timer beside LISTEN, not a statement. */
const queueQueryTimeoutMs = 5_000;

/**
 * BullMQ names its tables and functions without a schema. `public` is not in the path, because a function made there for a
 * closer argument type would run in place of BullMQ's or Postgres' own. A database may have a stricter isolation by
 * default, which fails BullMQ's statements when two of them meet.
 *
 * Postgres plans the statements of BullMQ's functions once for each connection. While the queue is short, it would choose
 * to read the whole table, and keep this plan while the queue grows: each of 9,000 waiting jobs then cost ten times as
 * much CPU. Before version 18 a plan without an index is priced so high that Postgres would compile it.
 */
const queueOptions =
  "-c search_path=bullmq,pg_temp -c default_transaction_isolation=read\\ committed -c enable_seqscan=off -c jit=off";

/** The driver's pool for BullMQ, which needs settings of its own. Its errors are no PostgresErrors. */
export function createQueuePool({
  databaseUrl,
  max = 16,
  onIdleError,
  onRefused,
}: Pick<PoolOptions, "databaseUrl" | "max" | "onIdleError" | "onRefused">): pg.Pool {
  const pool = new DriverPool({
    connectionString: joinStartupOptions(databaseUrl, queueOptions),
    application_name: "rollcall-queue",
    max,
    waitTimeoutMs: 10_000,
    connectTimeoutMs: 3_000,
    // A half-open connection neither answers nor closes. A query that times out closes its connection.
    query_timeout: queueQueryTimeoutMs,
    statement_timeout: queueQueryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(onRefused && { onRefused }),
  });
  pool.on("error", onIdleError);
  return pool;
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
