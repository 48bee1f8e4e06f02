import { createPostgresBackend, type PgPool, withBackend } from "bullmq";
import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import type { JobProcessor } from "./backend.ts";
import { openProducer, type Producer } from "./producer.ts";
import { retryOptions } from "./retry.ts";
import { addSyncJob, readSyncJob, type SyncJob } from "./sync-job.ts";
import { openTestQueues, openTransaction, type TestQueues } from "./testing.ts";

const waitMs = 60_000;
const poll = { timeout: waitMs };

let queues: TestQueues;
let sync: Producer;
beforeAll(async () => {
  queues = await openTestQueues(inject("postgresUrl"));
  sync = openProducer(queues.backend, "sync");
  await sync.connected(waitMs);
});
afterAll(async () => {
  await sync?.close();
  await queues?.close();
});
beforeEach(async () => {
  await queues.db.query("delete from job; delete from dedup; delete from dedup_next");
  queues.statements.length = 0;
});

const syncJobOf = (clerkId: string, fields: Partial<SyncJob> = {}) =>
  ({ v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: 1, ...fields }) as SyncJob;
const add = (clerkId: string, fields?: Partial<SyncJob>) =>
  addSyncJob(sync, syncJobOf(clerkId, fields), waitMs);
const people = (count: number) => Array.from({ length: count }, (_, at) => `user_${at}`);
const countStatements = (part: string) => queues.statements.filter((text) => text.includes(part)).length;

async function countJobs(state: string): Promise<number> {
  const { rows } = await queues.db.query("select count(*)::int as count from job where state = $1", [state]);
  return rows[0]?.count;
}

async function work(processor: JobProcessor, concurrency = 50): Promise<void> {
  // A job that fails waits until after the test.
  const settings = { backoffStrategy: () => 3_600_000 };
  const worker = queues.backend.createWorker("sync", processor, { concurrency, drainDelay: 1, settings });
  worker.on("error", () => undefined);
  onTestFinished(() => worker.close());
  await worker.waitUntilReady();
}

/** A processor whose jobs end together: when so many of them run. */
function endTogether(count: number): JobProcessor {
  let running = 0;
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return async () => {
    running += 1;
    if (running === count) release();
    await released;
  };
}

test("sync jobs that arrive together are added in one statement, and wait in the order of their arrival", async () => {
  await Promise.all(people(50).map((clerkId) => add(clerkId)));
  expect([countStatements("add_flow("), countStatements("add_job(")]).toEqual([1, 0]);
  const { rows } = await queues.db.query("select data ->> 'clerkId' as id from job order by seq");
  expect(rows.map(({ id }) => id)).toEqual(people(50));
});

test("an add resolves only when its job is in the queue for every other process", async () => {
  const seen = await Promise.all(
    people(20).map(async (clerkId) => {
      await add(clerkId);
      const { rowCount } = await queues.db.query("select from job where data ->> 'clerkId' = $1", [clerkId]);
      return rowCount;
    }),
  );
  expect(seen).toEqual(people(20).map(() => 1));
});

test("in one statement, jobs of one user and kind merge, and those of another kind do not", async () => {
  await Promise.all([
    add("user_1"),
    add("user_1", { eventAtMs: 2 }),
    add("user_1", { kind: "delete" }),
    add("user_2"),
  ]);
  const { rows } = await queues.db.query("select name, data ->> 'clerkId' as id from job order by seq");
  expect(rows).toEqual([
    { name: "refresh", id: "user_1" },
    { name: "delete", id: "user_1" },
    { name: "refresh", id: "user_2" },
  ]);
});

test("a job that Postgres refuses is refused alone", async () => {
  const addRaw = (id: string, payload: object) =>
    sync.add(
      {
        name: "refresh",
        payload,
        options: { ...retryOptions, deduplication: { id, keepLastIfActive: true } },
      },
      waitMs,
    );
  const ends = await Promise.allSettled([
    addRaw("user_1", syncJobOf("user_1")),
    // jsonb takes no NUL.
    addRaw("user_2", { text: "\u0000" }),
    addRaw("user_3", syncJobOf("user_3")),
  ]);
  expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await countJobs("waiting")).toBe(2);
});

test("jobs that end together are completed in one statement, and the next ones are taken in it", async () => {
  await Promise.all(people(40).map((clerkId) => add(clerkId)));
  await work(endTogether(20), 20);
  await expect.poll(() => countJobs("completed"), poll).toBe(40);
  expect(countStatements("move_to_completed")).toBe(0);
  expect(countStatements("rollcall_finish_jobs")).toBeLessThan(25);
});

test("a completion trims nothing: the history has a timer", async () => {
  const options = { ...retryOptions, removeOnComplete: { age: 0, count: 1 } };
  for (const name of people(5)) await sync.add({ name, payload: {}, options }, waitMs);
  await work(async () => undefined);
  await expect.poll(() => countJobs("completed"), poll).toBe(5);
});

test("a job that is removed when it completes is removed", async () => {
  await sync.add({ name: "once", payload: {}, options: { removeOnComplete: true } }, waitMs);
  let runs = 0;
  await work(async () => {
    runs += 1;
  });
  await expect
    .poll(async () => [runs, await countJobs("waiting"), await countJobs("active")], poll)
    .toEqual([1, 0, 0]);
  await expect.poll(() => countJobs("completed"), poll).toBe(0);
});

test("a job that is added while its user's job runs starts after it, and reads the newest payload", async () => {
  await add("user_1");
  const starts: unknown[] = [];
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await work(async (job) => {
    starts.push(job.data);
    await released;
  });
  await expect.poll(() => starts.length, poll).toBe(1);
  await add("user_1", { eventAtMs: 2 });
  await add("user_1", { eventAtMs: 3 });
  expect(starts).toHaveLength(1);
  release();
  await expect.poll(() => starts, poll).toMatchObject([{ eventAtMs: 1 }, { eventAtMs: 3 }]);
});

test("a job whose row another transaction holds is completed by BullMQ's function, which waits for it", async () => {
  await add("user_1");
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await work(() => released);
  await expect.poll(() => countJobs("active"), poll).toBe(1);
  const other = await openTransaction(queues.db);
  await other.query("select from job for update");
  release();
  await expect.poll(() => countStatements("move_to_completed"), poll).toBe(1);
  await other.query("rollback");
  await expect.poll(() => countJobs("completed"), poll).toBe(1);
});

test("a worker completes its jobs also before migrate made the function", async () => {
  await queues.db.query("alter function rollcall_finish_jobs rename to another_name");
  onTestFinished(async () => {
    await queues.db.query("alter function another_name rename to rollcall_finish_jobs");
  });
  await Promise.all(people(20).map((clerkId) => add(clerkId)));
  await work(async () => undefined);
  await expect.poll(() => countJobs("completed"), poll).toBe(20);
  expect(countStatements("move_to_completed")).toBe(20);
});

test("workers and apis of the version before and of this one share a queue: each job runs once", async () => {
  const { Queue, Worker } = withBackend(createPostgresBackend);
  const connection = queues.queuePool as unknown as PgPool;
  const older = new Queue("sync", { connection });
  const runs: string[] = [];
  const process = async ({ data }: { data: unknown }) => {
    runs.push(readSyncJob(data).clerkId);
  };
  const olderWorker = new Worker("sync", process, { connection, concurrency: 10, drainDelay: 1 });
  olderWorker.on("error", () => undefined);
  onTestFinished(async () => {
    await olderWorker.close();
    await older.close();
  });
  await work(process, 10);
  const addOlder = (clerkId: string) =>
    older.add("refresh", syncJobOf(clerkId), {
      ...retryOptions,
      deduplication: { id: clerkId, keepLastIfActive: true },
    });
  await Promise.all(people(200).map((clerkId, at) => (at % 2 === 0 ? add(clerkId) : addOlder(clerkId))));
  await expect.poll(() => countJobs("completed"), poll).toBe(200);
  expect(runs.toSorted()).toEqual(people(200).toSorted());
  // A key of one version is free for the other.
  await Promise.all(people(200).map((clerkId, at) => (at % 2 === 0 ? addOlder(clerkId) : add(clerkId))));
  await expect.poll(() => countJobs("completed"), poll).toBe(400);
  expect((await queues.db.query("select from dedup")).rowCount).toBe(0);
});

test("a failed job waits for its next attempt while others of its batch are completed", async () => {
  await Promise.all(people(6).map((clerkId) => add(clerkId)));
  const together = endTogether(6);
  await work(async (job, token) => {
    await together(job, token);
    if (job.deduplicationId === "user_3") throw new Error("Not this one");
  });
  await expect
    .poll(async () => [await countJobs("completed"), await countJobs("failed")], poll)
    .toEqual([5, 0]);
  await expect.poll(() => countJobs("delayed"), poll).toBe(1);
});
