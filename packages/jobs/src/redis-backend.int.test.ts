import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { openProducer } from "./producer.ts";
import { createRedisBackend } from "./redis-backend.ts";
import { addSyncJob, type SyncJob } from "./sync-job.ts";

const redisBinary = inject("redisBinary");
const syncJob: SyncJob = { v: 1, kind: "refresh", clerkId: "user_1", cause: "webhook", eventAtMs: 0 };

test.skipIf(!redisBinary)(
  `above 70 % of Redis' memory no job is accepted, and below it jobs are accepted again${redisBinary ? "" : " (skipped: no redis-server on PATH)"}`,
  async () => {
    if (!redisBinary) return;
    const server = await startRedis({ binary: redisBinary });
    const redis = new Redis(server.url);
    const backend = createRedisBackend([server.url], () => undefined);
    const producer = openProducer(backend, "sync");
    onTestFinished(async () => {
      await producer.close();
      await backend.close();
      redis.disconnect();
      await server.stop();
    });
    const add = () => addSyncJob(producer, syncJob, 5_000);
    const limitTo = async (share: number) => {
      const used = Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
      await redis.config("SET", "maxmemory", String(Math.round(used / share)));
    };

    await limitTo(0.5);
    // Long enough for the memory to be read twice.
    await sleep(1_500);
    await add();
    await limitTo(0.8);
    await expect.poll(() => backend.hasRoom(), { timeout: 30_000 }).toBe(false);
    await expect(add()).rejects.toMatchObject({ code: "queue.unavailable" });
    await limitTo(0.5);
    await expect.poll(() => backend.hasRoom(), { timeout: 30_000 }).toBe(true);
    await add();
  },
);
