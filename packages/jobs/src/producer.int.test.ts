import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startRedis } from "@rollcall/local-services";
import { expect, inject, onTestFinished, test } from "vitest";
import { openProducer, type Producer } from "./producer.ts";
import { createRedisBackend } from "./redis-backend.ts";
import { addSyncJob, type SyncJob } from "./sync-job.ts";

const redisBinary = inject("redisBinary") ?? "";
const skipped = redisBinary ? "" : " (skipped: no redis-server on PATH)";
const syncJobOf = (clerkId: string): SyncJob => ({
  v: 1,
  kind: "refresh",
  clerkId,
  cause: "webhook",
  eventAtMs: 0,
});

/** A producer whose database refuses once, and then does not answer until `unblock` is called. */
async function openBlocked(): Promise<{ producer: Producer; unblock: () => void }> {
  const server = await startRedis({ binary: redisBinary });
  const backend = createRedisBackend([server.url], () => undefined);
  let unblock = () => {};
  const gate = new Promise<void>((resolve) => {
    unblock = resolve;
  });
  let asked = 0;
  const reachable = async () => {
    asked += 1;
    if (asked === 1) throw new Error("Refused");
    await gate;
    await backend.reachable();
  };
  const producer = openProducer({ ...backend, reachable }, "sync");
  onTestFinished(async () => {
    unblock();
    await producer.close();
    await backend.close();
    await server.stop();
  });
  return { producer, unblock };
}

/** Weak references to the refused job and its errors; they are empty once nothing holds these objects. */
async function beRefused(producer: Producer, clerkId: string): Promise<WeakRef<object>[]> {
  const syncJob = syncJobOf(clerkId);
  const waits = [addSyncJob(producer, syncJob, 20), producer.connected(20)];
  const errors = (await Promise.allSettled(waits)).map((result) => {
    if (result.status === "fulfilled") throw new Error("It was not refused");
    expect(result.reason).toMatchObject({ code: "queue.unavailable" });
    return new WeakRef<object>(result.reason);
  });
  return [new WeakRef(syncJob), ...errors];
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

test.skipIf(!redisBinary)(
  `a job refused before the first connection is not kept in memory${skipped}`,
  async () => {
    const { producer } = await openBlocked();
    const clerkIds = Array.from({ length: 50 }, (_, index) => `user_${index}`);
    const held = (await Promise.all(clerkIds.map((id) => beRefused(producer, id)))).flat();
    const countHeld = () => {
      collectGarbage();
      return held.filter((reference) => reference.deref() !== undefined).length;
    };
    await expect.poll(countHeld, { timeout: 30_000 }).toBe(0);
  },
);

test.skipIf(!redisBinary)(
  `a job refused before the first connection is never added later${skipped}`,
  async () => {
    const { producer, unblock } = await openBlocked();
    await beRefused(producer, "user_refused");
    unblock();
    // A refused job that still waited for the connection would be sent before this one.
    await addSyncJob(producer, syncJobOf("user_in_time"), 60_000);
    const queue = await producer.connected(60_000);
    const jobs = await queue.getJobs(["waiting"]);
    expect(jobs.map(({ data }) => data)).toEqual([syncJobOf("user_in_time")]);
  },
);

test.skipIf(!redisBinary)(`jobs that still wait at the first connection are added${skipped}`, async () => {
  const { producer, unblock } = await openBlocked();
  const names = ["user_1", "user_2", "user_3"];
  const added = names.map((name) => addSyncJob(producer, syncJobOf(name), 60_000));
  const connected = producer.connected(60_000);
  expect(producer.current()).toBeUndefined();
  unblock();
  await Promise.all(added);
  const queue = await connected;
  expect(producer.current()).toBe(queue);
  expect(await queue.getWaitingCount()).toBe(names.length);
});

test.skipIf(!redisBinary)(`a caller that waits when the producer closes is refused${skipped}`, async () => {
  const { producer } = await openBlocked();
  const waiting = producer.connected(3_600_000);
  await producer.close();
  await expect(waiting).rejects.toMatchObject({ code: "queue.unavailable" });
  await expect(producer.connected(3_600_000)).rejects.toMatchObject({ code: "queue.unavailable" });
});
