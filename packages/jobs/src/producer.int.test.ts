import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startRedis } from "@rollcall/local-services";
import { expect, inject, onTestFinished, test } from "vitest";
import { addSyncJob, openProducer, type Producer } from "./producer.ts";
import { createRedisBackend } from "./redis-backend.ts";
import type { SyncJob } from "./sync-job.ts";

const redisBinary = inject("redisBinary") ?? "";
const skipped = redisBinary ? "" : " (skipped: no redis-server on PATH)";
const syncJobOf = (clerkId: string): SyncJob => ({
  v: 1,
  kind: "refresh",
  clerkId,
  cause: "webhook",
  eventAtMs: 0,
});

/** A producer whose database refuses once, and then says nothing until it is let in. */
async function openShutOut(): Promise<{ producer: Producer; letIn: () => void }> {
  const server = await startRedis({ binary: redisBinary });
  const backend = createRedisBackend([server.url], () => undefined);
  let letIn = () => {};
  const gate = new Promise<void>((resolve) => {
    letIn = resolve;
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
    letIn();
    await producer.close();
    await backend.close();
    await server.stop();
  });
  return { producer, letIn };
}

/** What was thrown, and what was to be added: gone from memory once nobody holds them. */
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
  `what is refused before the first connection is held no longer${skipped}`,
  async () => {
    const { producer } = await openShutOut();
    const people = Array.from({ length: 50 }, (_, index) => `user_${index}`);
    const held = (await Promise.all(people.map((id) => beRefused(producer, id)))).flat();
    const countHeld = () => {
      collectGarbage();
      return held.filter((reference) => reference.deref() !== undefined).length;
    };
    await expect.poll(countHeld, { timeout: 30_000 }).toBe(0);
  },
);

test.skipIf(!redisBinary)(`what is refused before the first connection never lands${skipped}`, async () => {
  const { producer, letIn } = await openShutOut();
  await beRefused(producer, "user_refused");
  letIn();
  // Whatever still waited for the connection was sent before this one.
  await addSyncJob(producer, syncJobOf("user_in_time"), 60_000);
  const queue = await producer.connected(60_000);
  const jobs = await queue.getJobs(["waiting"]);
  expect(jobs.map(({ data }) => data)).toEqual([syncJobOf("user_in_time")]);
});

test.skipIf(!redisBinary)(`who still waits at the first connection is let through${skipped}`, async () => {
  const { producer, letIn } = await openShutOut();
  const names = ["user_1", "user_2", "user_3"];
  const added = names.map((name) => addSyncJob(producer, syncJobOf(name), 60_000));
  const connected = producer.connected(60_000);
  expect(producer.current()).toBeUndefined();
  letIn();
  await Promise.all(added);
  const queue = await connected;
  expect(producer.current()).toBe(queue);
  expect(await queue.getWaitingCount()).toBe(names.length);
});

test.skipIf(!redisBinary)(`who waits when it is closed is refused${skipped}`, async () => {
  const { producer } = await openShutOut();
  const waiting = producer.connected(3_600_000);
  await producer.close();
  await expect(waiting).rejects.toMatchObject({ code: "queue.unavailable" });
  await expect(producer.connected(3_600_000)).rejects.toMatchObject({ code: "queue.unavailable" });
});
