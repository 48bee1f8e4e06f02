import { createPostgresBackend, type PgPool, Worker, withBackend } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import { z } from "zod";

// BullMQ as in its documentation, with the settings of apps/worker/src/sync-worker.ts.
const { redisUrl, databaseUrl } = z
  .object({ redisUrl: z.string().optional(), databaseUrl: z.string() })
  .parse(JSON.parse(process.argv[2] ?? ""));

const ignore = async () => undefined;
const settings = {
  // More jobs at once than on Postgres would only wait for one of the 16 connections.
  concurrency: redisUrl === undefined ? 32 : 200,
  lockDuration: 15_000,
  stalledInterval: 5_000,
  maxStalledCount: 20,
  runRetryDelay: 1_000,
  drainDelay: 5,
  maximumRateLimitDelay: 5_000,
};
const worker = redisUrl === undefined ? startOnPostgres() : startOnRedis(redisUrl);
await worker.waitUntilReady();
process.send?.({});

function startOnRedis(url: string) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  return new Worker("sync", ignore, { ...settings, connection, prefix: "{rollcall}" });
}

function startOnPostgres() {
  const { Worker: PostgresWorker } = withBackend(createPostgresBackend);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    options: "-c search_path=bullmq,public",
    max: 16,
  });
  // BullMQ's type has only one of the overloads of pg's pool.
  return new PostgresWorker("sync", ignore, { ...settings, connection: pool as unknown as PgPool });
}
