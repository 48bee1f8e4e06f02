import { startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { BatchingRedis } from "./connect-redis.ts";
import { openProducer } from "./producer.ts";
import { createRedisBackend } from "./redis-backend.ts";
import { addSyncJob, type SyncJob } from "./sync-job.ts";

const redisBinary = inject("redisBinary") ?? "";
const skipped = redisBinary ? "" : " (skipped: no redis-server on PATH)";
const password = "p@ss:w/rd %41";
const syncJob: SyncJob = { v: 1, kind: "refresh", clerkId: "user_1", cause: "webhook", eventAtMs: 0 };

/** A cluster of one node, which names itself by its address. */
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
  `a job runs on a cluster with a password whose nodes no URL names${skipped}`,
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

async function connect(): Promise<{ batching: BatchingRedis; other: Redis }> {
  const server = await startRedis({ binary: redisBinary });
  const [batching, other] = [new BatchingRedis(server.url), new Redis(server.url)];
  onTestFinished(async () => {
    batching.disconnect();
    other.disconnect();
    await server.stop();
  });
  return { batching, other };
}

test.skipIf(!redisBinary)(
  `commands that are sent together keep their own answers, in order, and one failure fails no other command${skipped}`,
  async () => {
    const { batching } = await connect();
    await batching.set("list", "no list");
    const asked = Array.from({ length: 500 }, (_, index) => batching.incrby("sum", index));
    const failing = batching.lpush("list", "one");
    const pipelined = batching.multi().set("a", "1").get("a").exec();
    await expect(failing).rejects.toThrow("WRONGTYPE");
    let sum = 0;
    expect(await Promise.all(asked)).toEqual(asked.map((_, index) => (sum += index)));
    expect(await pipelined).toEqual([
      [null, "OK"],
      [null, "1"],
    ]);
  },
);

test.skipIf(!redisBinary)(
  `commands before a quit still reach Redis, and after a broken connection the next one is used${skipped}`,
  async () => {
    const { batching, other } = await connect();
    const id = await batching.client("ID");
    await other.client("KILL", "ID", String(id));
    await batching.set("after", "the break");
    expect(await other.get("after")).toBe("the break");
    await batching.set("before", "quit").then(() => batching.quit());
    expect(await other.get("before")).toBe("quit");
    expect(batching.stream.writableCorked).toBe(0);
  },
);
