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
import { countPostgresNames, readPostgresStats } from "./postgres-stats.ts";
import { queueNames } from "./queue-names.ts";

const { Queue: PostgresQueue, Worker: PostgresWorker } = withBackend(createPostgresBackend);

/** All of BullMQ's statements are short. Its blocking wait is a timer beside LISTEN, not a statement. */
const queryTimeoutMs = 5_000;

/**
 * BullMQ names its tables and functions without a schema. `public` is not in the path, because a function made there for a
 * closer argument type would run in place of BullMQ's or Postgres' own. A database may have a stricter isolation by
 * default, which fails BullMQ's statements when two of them meet.
 */
const startupOptions = "-c search_path=bullmq,pg_temp -c default_transaction_isolation=read\\ committed";

/**
 * Queues on Postgres. All of them share one pool, and each worker keeps one connection of it for LISTEN.
 *
 * @param onError called for a broken idle connection, which the pool replaces
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
    // A half-open connection neither answers nor closes. A query that times out closes its connection.
    query_timeout: queryTimeoutMs,
    statement_timeout: queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  pool.on("error", onError);
  // A client that breaks while the pool hands it out has no other listener yet.
  pool.on("connect", (client) => client.on("error", () => undefined));
  watchListenClients(pool);
  // pg's overloads are wider than the one signature that BullMQ names.
  const connection = pool as unknown as PgPool;
  return {
    kind: "postgres",
    // BullMQ's types differ by backend, in options that we do not use.
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

/** Longest silence of a LISTEN connection. Together with the query timeout it bounds how long a worker misses events. */
const beatMs = 5_000;

/**
 * Queries every connection that is checked out for long, and breaks one that does not answer.
 *
 * BullMQ holds one client per worker for LISTEN and sends nothing on it. No query fails when that connection is half-open,
 * and TCP keepalive finds nothing behind a proxy or a NAT that goes on acknowledging. The worker would then only poll
 * every `drainDelay`, or not at all if the LISTEN itself was never answered. BullMQ replaces a client that emits `error`.
 */
function watchListenClients(pool: pg.Pool): void {
  const beats = new Map<pg.PoolClient, NodeJS.Timeout>();
  pool.on("acquire", (client) => {
    const beat = setInterval(async () => {
      try {
        await client.query("select 1");
      } catch (error) {
        // A client that was released meanwhile belongs to the pool. Without a listener the event would end the process.
        if (beats.get(client) === beat && client.listenerCount("error") > 0) client.emit("error", error);
      }
    }, beatMs);
    beats.set(client, beat);
  });
  pool.on("release", (_error, client) => {
    clearInterval(beats.get(client));
    beats.delete(client);
  });
}

/** Migrates BullMQ's own tables (schema `bullmq`) and sequences, under BullMQ's transaction-scoped locks. */
export async function migrateQueues(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client);
    await client.query(createSequences);
  } finally {
    client.release();
  }
}

/**
 * The sequence of each queue's job ids. BullMQ would create it with the queue's first job, which a role without the
 * right to create could never add. The lock is BullMQ's own, for a process that adds its first job at the same time.
 */
const createSequences = `
do $$
declare
  queue text;
begin
  foreach queue in array array[${queueNames.map((name) => `'${name}'`).join(", ")}] loop
    perform pg_advisory_xact_lock(hashtext('bullmq:jidseq:' || queue));
    execute format('create sequence if not exists bullmq.%I', bullmq.job_id_seq_name(queue));
  end loop;
end
$$`;

/** Whether BullMQ's tables are as new as this version needs. @throws Postgres' error, also for a missing schema */
export async function areQueueTablesCurrent(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect();
  try {
    return (await assertSchemaCompatibility(client)) >= LATEST_SCHEMA_VERSION;
  } finally {
    client.release();
  }
}
