import { createPostgresQueueBackend, createRedisBackend } from "@rollcall/jobs";
import { z } from "zod";

const { redisUrl, databaseUrl } = z
  .object({ redisUrl: z.string().optional(), databaseUrl: z.string() })
  .parse(JSON.parse(process.argv[2] ?? ""));

const ignore = () => undefined;
const backend =
  redisUrl === undefined
    ? createPostgresQueueBackend(databaseUrl, ignore)
    : createRedisBackend([redisUrl], ignore);
// The settings of apps/worker/src/nudge-worker.ts.
const worker = backend.createWorker("sync", async () => undefined, {
  concurrency: redisUrl === undefined ? 32 : 200,
  lockDuration: 15_000,
  stalledInterval: 5_000,
  maxStalledCount: 20,
  runRetryDelay: 1_000,
  drainDelay: 5,
  maximumRateLimitDelay: 5_000,
});
worker.on("error", ignore);
await worker.waitUntilReady();
process.send?.({});
