import { createQueuePool, type Pool } from "@rollcall/db";
import { createPostgresQueueBackend, openProducer, type Producer } from "@rollcall/jobs";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestPool } from "../testing/fixtures.ts";
import { ensureUser } from "./ensure.ts";
import { startPostgresMonitor } from "./postgres-monitor.ts";
import { noSessionCache } from "./session-cache.ts";

let pool: Pool;
let queue: Producer;

beforeAll(async () => {
  pool = await createTestPool(inject("postgresUrl"));
  // No queue exists: the answer must come before the queue is needed.
  const databaseUrl = "postgres://unknown@127.0.0.1:9/none";
  const queuePool = createQueuePool({ databaseUrl, onIdleError: () => undefined });
  queue = openProducer(createPostgresQueueBackend(queuePool), "ensure");
});
afterAll(async () => {
  await queue?.close();
  await pool?.end();
});

test("a read of the row that outlives the deadline is answered as an outage of Postgres at the deadline", async () => {
  const postgres = startPostgresMonitor(pool, () => undefined);
  const holder = await pool.connect();
  await holder.query("begin; lock table users in access exclusive mode");
  const startedAt = Date.now();
  const result = await ensureUser(
    {
      pool,
      postgres,
      sessionCache: noSessionCache,
      queue,
      autoCreate: true,
      timeoutMs: 300,
      onCacheRead: () => undefined,
      onFailure: () => undefined,
      onCacheWithoutProfile: () => undefined,
    },
    "user_locked_out",
  );
  // The pool's own limit for a statement is 10 s. The lock is still held, so the answer did not wait for it.
  expect(Date.now() - startedAt).toBeLessThan(8_000);
  expect(result).toEqual({ kind: "unavailable", code: "postgres.unavailable" });
  await holder.query("rollback");
  holder.release();
  postgres.close();
});
