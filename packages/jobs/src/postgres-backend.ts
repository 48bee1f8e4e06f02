import {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  type PgPool,
  runMigrations,
  withBackend,
} from "bullmq";
import type pg from "pg";
import type { JobQueue, JobWorker, QueueBackend } from "./backend.ts";
import { createBatchedBackend } from "./batched-backend.ts";
import { createFinishJobs, finishJobsSignature } from "./finish-jobs.ts";
import { listLatePostgresJobs } from "./late-jobs.ts";
import { countPostgresNames, readPostgresStats } from "./postgres-stats.ts";
import { queueNames } from "./queue-names.ts";
import { histories } from "./retry.ts";
import { oneShard } from "./shards.ts";
import { trimPostgresHistory } from "./trim-history.ts";

/**
 * Queues on Postgres. All of them share one pool, and each worker keeps one connection of it for LISTEN. `close` ends the
 * pool.
 */
export function createPostgresQueueBackend(pool: pg.Pool): QueueBackend {
  watchListenClients(pool);
  // pg's overloads are wider than the one signature that BullMQ names.
  const connection = pool as unknown as PgPool;
  const { Queue: PostgresQueue, Worker: PostgresWorker } = withBackend(createBatchedBackend(pool));
  return {
    kind: "postgres",
    // One database does all the work, however many queues it has.
    shards: oneShard,
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
    trimHistory: async (signal) => {
      for (const name of queueNames) {
        const history = histories[name];
        if (history) await trimPostgresHistory(pool, name, history, signal);
      }
    },
    listLateJobs: (name) => listLatePostgresJobs(pool, name),
    hasRoom: () => true,
    checkWrite: async () => {
      await pool.query(writeNothing);
    },
    close: () => pool.end(),
  };
}

/**
 * Fails as adding a job would: without BullMQ's schema in the search path, without a privilege, and on a server that
 * refuses writes. It changes no row.
 */
const writeNothing = "update job set queue = queue where false and job_id_seq_name(queue) is null";

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
        const { rows } = await client.query("select pg_is_in_recovery() as demoted");
        // The connection would never be notified: jobs are added on the new primary.
        if (rows[0]?.demoted === true) throw new Error("A connection for LISTEN leads to a replica");
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

/** Migrates BullMQ's own tables (schema `bullmq`) and sequences, and our function, under transaction-scoped locks. */
export async function migrateQueues(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client);
    await client.query(createSequences);
    // One transaction. Without the lock, two that make the function at once would fail.
    await client.query(`select pg_advisory_xact_lock(hashtext('rollcall:finish-jobs')); ${createFinishJobs}`);
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

/** Whether BullMQ's tables and our function are as this version needs. @throws Postgres' error, also for a missing schema */
export async function areQueueTablesCurrent(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query("select to_regprocedure($1) is not null as exists", [
      finishJobsSignature,
    ]);
    return rows[0]?.exists === true && (await assertSchemaCompatibility(client)) >= LATEST_SCHEMA_VERSION;
  } finally {
    client.release();
  }
}
