import { findFreePort, startRedis } from "@rollcall/local-services";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { QueueBackend } from "./backend.ts";
import { runLateJobs } from "./late-jobs.ts";
import { createRedisBackend } from "./redis-backend.ts";
import { openTestQueues, type TestQueues } from "./testing.ts";

const tenMinutesMs = 600_000;

/** Adds a job that a clock ten minutes ahead delayed, and one that waits for its retry. */
async function checkLateJobs(backend: QueueBackend): Promise<void> {
  const queue = backend.createQueue("sync");
  await queue.waitUntilReady();
  const late = await queue.add("refresh", {}, { delay: tenMinutesMs + 1_000 });
  const retried = await queue.add("refresh", {}, { delay: 30_000 });
  expect(await runLateJobs(backend, { name: "sync", queue })).toBe(1);
  expect([await late.getState(), await retried.getState()]).toEqual(["waiting", "delayed"]);
  expect(await runLateJobs(backend, { name: "sync", queue })).toBe(0);
  await queue.close();
}

const redisBinary = inject("redisBinary");

test.skipIf(!redisBinary)(
  `a job that waits for longer than any delay runs now, with queues on Redis${redisBinary ? "" : " (skipped: no redis-server on PATH)"}`,
  async () => {
    if (!redisBinary) return;
    const server = await startRedis({ binary: redisBinary, port: await findFreePort() });
    const backend = createRedisBackend([server.url], () => undefined);
    try {
      await checkLateJobs(backend);
    } finally {
      await backend.close();
      await server.stop();
    }
  },
);

describe("with queues on Postgres", () => {
  let queues: TestQueues;
  beforeAll(async () => {
    queues = await openTestQueues(inject("postgresUrl"));
  });
  afterAll(() => queues?.close());

  test("a job that waits for longer than any delay runs now", () => checkLateJobs(queues.backend));

  test("a lock that lasts for longer than any lock ends within half a minute", async () => {
    const { backend, db } = queues;
    const queue = backend.createQueue("sync");
    const { id } = await queue.add("refresh", {});
    const nowMs = Date.now();
    await db.query("update job set state = 'active', lock_token = 't', locked_until_ms = $2 where id = $1", [
      id,
      nowMs + tenMinutesMs,
    ]);
    await runLateJobs(backend, { name: "sync", queue });
    const { rows } = await db.query("select locked_until_ms::float8 as until from job where id = $1", [id]);
    expect(rows[0]?.until - nowMs).toBeLessThan(tenMinutesMs / 2);
    await queue.close();
  });
});
