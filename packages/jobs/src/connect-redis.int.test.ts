import { startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { addSyncJob, openProducer } from "./producer.ts";
import { createRedisBackend } from "./redis-backend.ts";
import type { SyncJob } from "./sync-job.ts";

const redisBinary = inject("redisBinary") ?? "";
const skipped = redisBinary ? "" : " (skipped: no redis-server on PATH)";
const password = "p@ss:w/rd %41";
const syncJob: SyncJob = { v: 1, kind: "refresh", clerkId: "user_1", cause: "webhook", eventAtMs: 0 };

/** A cluster of one node, which announces itself by its address. */
async function startCluster(): Promise<{ port: number }> {
  const server = await startRedis({
    binary: redisBinary,
    settings: { "cluster-enabled": "yes", "cluster-announce-ip": "127.0.0.1" },
  });
  onTestFinished(() => server.stop());
  const redis = new Redis(server.url);
  await redis.call("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
  await redis.config("SET", "requirepass", password);
  await expect.poll(() => redis.call("CLUSTER", "INFO"), { timeout: 30_000 }).toContain("cluster_state:ok");
  redis.disconnect();
  return server;
}

test.skipIf(!redisBinary)(
  `a job goes round on a cluster with a password whose nodes no URL names${skipped}`,
  async () => {
    const { port } = await startCluster();
    const host = `localhost:${port}`;
    const nodes = [`redis://${host}`, `redis://:${encodeURIComponent(password)}@${host}`];
    const backend = createRedisBackend(nodes, () => undefined);
    const producer = openProducer(backend, "sync");
    onTestFinished(async () => {
      await producer.close();
      await backend.close();
    });
    await addSyncJob(producer, syncJob, 30_000);
    const done = new Promise<unknown>((resolve) => {
      const worker = backend.createWorker("sync", async (job) => resolve(job.data), {});
      worker.on("error", () => undefined);
      onTestFinished(() => worker.close());
    });
    expect(await done).toEqual(syncJob);
  },
);
