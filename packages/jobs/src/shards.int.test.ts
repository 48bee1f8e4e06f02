import { type RedisServer, startRedis } from "@rollcall/local-services";
import { UnrecoverableError, Worker } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { countDeadLetters, findOldest, listDeadLetters } from "./dead-letter-list.ts";
import { moveFailedJobs } from "./dead-letters.ts";
import { openProducer, openShardedProducer } from "./producer.ts";
import { createRedisBackend } from "./redis-backend.ts";
import { pickShard, tagOf } from "./shards.ts";
import { addSyncJob, findJobsOfUser, type SyncJob } from "./sync-job.ts";

const redisBinary = inject("redisBinary");
const deadlineMs = 30_000;
const ids = Array.from({ length: 40 }, (_, index) => `user_${index}`);
const syncJobOf = (clerkId: string): SyncJob => ({
  v: 1,
  kind: "refresh",
  clerkId,
  cause: "webhook",
  eventAtMs: 0,
});

describe.skipIf(!redisBinary)(
  `shards of the sync queues${redisBinary ? "" : " (skipped: no redis-server on PATH)"}`,
  () => {
    let server: RedisServer;
    let redis: Redis;
    beforeAll(async () => {
      server = await startRedis({ binary: redisBinary ?? "" });
      redis = new Redis(server.url);
    });
    beforeEach(() => redis.flushall());
    afterAll(async () => {
      redis?.disconnect();
      await server?.stop();
    });

    /** A process with QUEUE_SHARDS=`count`. */
    function open(count: number, url = server.url) {
      const backend = createRedisBackend([url], () => undefined, count);
      const sync = openShardedProducer(backend, "sync");
      const deadLetters = openProducer(backend, "dead-letter");
      onTestFinished(async () => {
        await sync.close();
        await deadLetters.close();
        await backend.close();
      });
      const add = (clerkId: string) => addSyncJob(sync, syncJobOf(clerkId), deadlineMs);
      return { backend, sync, deadLetters, add };
    }

    test("without shards, no key has another name, and jobs of one user merge", async () => {
      const { add, sync, backend } = open(1);
      for (const id of [...ids, ...ids]) await add(id);
      await sync.connected(deadlineMs);
      await backend.checkWrite();
      expect((await redis.keys("*")).filter((key) => !key.startsWith("{rollcall}:"))).toEqual([]);
      expect((await backend.readStats("sync")).jobs.waiting).toBe(ids.length);
    });

    test("jobs of one user merge in one shard, and counts are those of all shards", async () => {
      const { add, backend, sync } = open(4);
      for (const id of [...ids, ...ids]) await add(id);
      const lengths = await Promise.all([0, 1, 2, 3].map((shard) => redis.llen(`${tagOf(shard)}:sync:wait`)));
      const expected = [0, 1, 2, 3].map((shard) => ids.filter((id) => pickShard(id, 4) === shard).length);
      expect(lengths).toEqual(expected);
      expect((await backend.readStats("sync")).jobs.waiting).toBe(ids.length);
      const queues = await sync.connected(deadlineMs);
      const found = await Promise.all(ids.map((id) => Promise.all(queues.map((q) => findJobsOfUser(q, id)))));
      expect(found.map((lists) => lists.flat().length)).toEqual(ids.map(() => 1));
    });

    test.each([
      { from: 1, to: 4 },
      { from: 4, to: 2 },
    ])("from $from to $to shards, a process finds every job that waits", async ({ from, to }) => {
      const before = open(from);
      for (const id of ids) await before.add(id);
      const after = open(to);
      await after.backend.reachable();
      expect(await after.backend.shards.list()).toEqual([0, 1, 2, 3].slice(0, Math.max(from, to)));
      // Half of the users move, and their jobs wait twice.
      for (const id of ids) await after.add(id);
      const ran = new Set<string>();
      after.backend.shards.watch((shard) => {
        const worker = after.backend.createWorker(
          "sync",
          async (job) => void ran.add(`${(job.data as SyncJob).clerkId} of shard ${shard}`),
          {},
          shard,
        );
        onTestFinished(() => worker.close());
      });
      const wanted = new Set(
        ids.flatMap((id) => [from, to].map((count) => `${id} of shard ${pickShard(id, count)}`)),
      );
      await expect.poll(() => ran.size, { timeout: deadlineMs }).toBe(wanted.size);
      expect(ran).toEqual(wanted);
    });

    test("a process that runs finds a shard that another one begins to use", async () => {
      const old = open(1);
      const found: number[] = [];
      old.backend.shards.watch((shard) => found.push(shard));
      const id = ids.find((one) => pickShard(one, 4) === 3) ?? "";
      const other = open(4);
      await other.sync.connected(deadlineMs);
      // The settings that a queue writes when it is opened: the job alone must show the shard.
      await redis.flushall();
      await other.add(id);
      await expect.poll(() => found.includes(3), { timeout: deadlineMs }).toBe(true);
      await expect
        .poll(async () => (await old.backend.readStats("sync")).jobs.waiting, { timeout: deadlineMs })
        .toBe(1);
    });

    test("a user of Redis that may reach the keys of before works without shards", async () => {
      await redis.call("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~{rollcall}*", "&*", "+@all");
      const url = new URL(server.url);
      Object.assign(url, { username: "limited", password: "secret" });
      const { add, backend } = open(1, url.href);
      await add("user_1");
      expect(await backend.shards.list()).toEqual([0]);
      expect((await backend.readStats("sync")).jobs.waiting).toBe(1);
      await backend.checkWrite();
      await expect(open(2, url.href).backend.checkWrite()).rejects.toThrow();
    });

    test("jobs of two shards with the same number become two dead letters", async () => {
      const { add, backend, sync, deadLetters } = open(2);
      const pair = [0, 1].map((shard) => ids.find((id) => pickShard(id, 2) === shard) ?? "");
      for (const id of pair) await add(id);
      await sync.connected(deadlineMs);
      for (const { queue, shard } of sync.current()) {
        const [job] = await queue.getWaiting();
        expect(job?.id).toBe("1");
        // Two jobs of one millisecond.
        await redis.hset(`${tagOf(shard)}:sync:1`, "timestamp", "1000");
        const worker = new Worker("sync", null, {
          connection: { url: server.url },
          prefix: tagOf(shard),
        });
        onTestFinished(() => worker.close());
        const taken = await worker.getNextJob("token");
        await taken?.moveToFailed(new UnrecoverableError("clerk.unreadable"), "token", false);
      }
      const failed = async () => (await backend.readStats("sync")).jobs.failed;
      while ((await failed()) > 0)
        for (const { queue, shard } of sync.current())
          await moveFailedJobs(queue, deadLetters, async () => undefined, deadlineMs, shard);
      const { items } = await listDeadLetters(deadLetters, { limit: 10 });
      expect(items.map(({ payload }) => (payload as SyncJob).clerkId).sort()).toEqual([...pair].sort());
      expect(new Set(items.map(({ queue }) => queue))).toEqual(new Set(["sync"]));
      expect((await findOldest(deadLetters, { code: undefined, replayable: true }, 10)).letters).toHaveLength(
        2,
      );
      expect((await countDeadLetters(backend)).find(({ code }) => code === "clerk.unreadable")?.count).toBe(
        2,
      );
    });
  },
);
