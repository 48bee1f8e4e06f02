import {
  assertSchemaCompatibility,
  createPostgresBackend,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  runMigrations,
  withBackend,
} from "bullmq";
import pg from "pg";
import type { JobQueue, JobWorker, QueueBackend } from "./backend.ts";
import { watchListenClients } from "./listen-watch.ts";
import { createQueueSequences } from "./postgres-sequences.ts";
import { countPostgresNames, readPostgresStats } from "./postgres-stats.ts";

const { Queue: PostgresQueue, Worker: PostgresWorker } = withBackend(createPostgresBackend);

/** All of BullMQ's statements are short: its blocking wait is a timer beside LISTEN and not a statement. */
const queryTimeoutMs = 5_000;

/** A stricter isolation, which a database may have by default, fails BullMQ's statements when two meet. */
const startupOptions = "-c search_path=bullmq,public -c default_transaction_isolation=read\\ committed";

/**
 * Queues on Postgres. All of them share one pool; each worker keeps one of its connections for LISTEN.
 *
 * @param onError told of broken idle connections, which the pool replaces
 */
export function createPostgresQueueBackend(
  databaseUrl: string,
  onError: (error: Error) => void,
): QueueBackend {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    options: startupOptions,
    application_name: "rollcall-queue",
    max: 16,
    connectionTimeoutMillis: 3_000,
    // A half-open connection answers nothing and closes nothing. A query that times out costs its connection.
    query_timeout: queryTimeoutMs,
    statement_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  pool.on("error", onError);
  // As for our own pool: a client that breaks at the moment at which it is handed out has no other listener yet.
  pool.on("connect", (client) => client.on("error", () => undefined));
  watchListenClients(pool);
  // pg's overloads are wider than the one signature that BullMQ names.
  const connection = pool as unknown as PgPool;
  return {
    kind: "postgres",
    // BullMQ's types tell the backends' options apart; all that we call is the same on both.
    createQueue: (name) => new PostgresQueue(name, { connection }) as unknown as JobQueue,
    createWorker: (name, processor, settings) =>
      new PostgresWorker(name, processor, { ...settings, connection }) as unknown as JobWorker,
    reachable: async () => {
      await pool.query("select 1");
    },
    readStats: (name) => readPostgresStats(pool, name),
    countNames: (name, limit) => countPostgresNames(pool, name, limit),
    readMemory: async () => undefined,
    hasRoom: () => true,
    close: () => pool.end(),
  };
}

/** Brings BullMQ's own tables (schema `bullmq`) and sequences up to date; it takes its own transaction-scoped locks. */
export async function migrateQueues(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client);
    await createQueueSequences(client);
  } finally {
    client.release();
  }
}

/** Whether BullMQ's tables are what this build needs. @throws whatever Postgres says, a missing schema included */
export async function areQueueTablesCurrent(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect();
  try {
    return (await assertSchemaCompatibility(client)) >= LATEST_SCHEMA_VERSION;
  } finally {
    client.release();
  }
}
