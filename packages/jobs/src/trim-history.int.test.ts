import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { histories } from "./retry.ts";
import { openTestQueues, openTransaction, type TestQueues } from "./testing.ts";

let queues: TestQueues;
beforeAll(async () => {
  queues = await openTestQueues(inject("postgresUrl"));
});
afterAll(() => queues?.close());
beforeEach(async () => {
  await queues.db.query("delete from job");
  queues.statements.length = 0;
});

const never = new AbortController().signal;
const trim = () => queues.backend.trimHistory(never);
const kept = histories.sync?.count ?? 0;

type Rows = { queue?: string; state?: string; count: number; ageMs?: number; stepMs?: number };

/** Adds jobs with ascending ids. Each ended `stepMs` after the one before it, and the last one `ageMs` ago. */
async function insert({ queue = "sync", state = "completed", count, ageMs = 0, stepMs = 1 }: Rows) {
  await queues.db.query(
    `insert into job (queue, id, seq, name, state, added_at_ms, finished_at_ms)
     select $1, n, n, 'refresh', $2, 0, extract(epoch from now()) * 1000 - $4 - ($3 - n) * $5
     from generate_series(1, $3::bigint) n`,
    [queue, state, count, ageMs, stepMs],
  );
}

async function readIds(queue = "sync"): Promise<number[]> {
  const { rows } = await queues.db.query("select id::int as id from job where queue = $1 order by seq", [
    queue,
  ]);
  return rows.map(({ id }) => id);
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

test("the newest completed jobs stay, and older ones are removed", async () => {
  await insert({ count: kept + 7 });
  await trim();
  expect(await readIds()).toEqual(range(8, kept + 7));
  await trim();
  expect(await readIds()).toHaveLength(kept);
});

test("of jobs that ended in one millisecond, those that were added first go, and no more than needed", async () => {
  await insert({ count: kept + 5, stepMs: 0 });
  await trim();
  expect(await readIds()).toEqual(range(6, kept + 5));
});

test("a completed job goes after an hour, also when there are few", async () => {
  // Ids 1 to 3 ended more than an hour ago.
  await insert({ count: 5, ageMs: 3_600_000 - 90_000, stepMs: 60_000 });
  await trim();
  expect(await readIds()).toEqual([4, 5]);
});

test("the history of runs stays for a day", async () => {
  await insert({ queue: "reconcile", count: 5, ageMs: 86_400_000 - 90_000, stepMs: 60_000 });
  await insert({ queue: "ensure", count: 5, ageMs: 86_400_000 - 90_000, stepMs: 60_000 });
  await trim();
  expect([await readIds("reconcile"), await readIds("ensure")]).toEqual([[4, 5], []]);
});

test("jobs that are not completed stay, however old and many they are", async () => {
  for (const state of ["waiting", "active", "delayed", "failed"]) {
    await queues.db.query("delete from job");
    await insert({ state, count: kept + 5, ageMs: 7_200_000 });
    await trim();
    expect(await readIds(), state).toHaveLength(kept + 5);
  }
});

test("dead letters are not trimmed", async () => {
  await insert({ queue: "dead-letter", count: kept + 5, ageMs: 90_000_000 });
  await trim();
  expect(await readIds("dead-letter")).toHaveLength(kept + 5);
});

test("many jobs are removed in several statements", async () => {
  await insert({ count: kept + 2_500 });
  await trim();
  expect(await readIds()).toHaveLength(kept);
  // Three for the queue with the jobs, one for each of the two others.
  expect(queues.statements.filter((text) => text.includes("delete from job"))).toHaveLength(5);
});

test("while another process trims a queue, there is nothing to do, and its jobs stay", async () => {
  await insert({ count: kept + 5 });
  const other = await openTransaction(queues.db);
  await other.query("select pg_advisory_xact_lock(hashtext('rollcall:history'), hashtext('sync'))");
  await trim();
  expect(await readIds()).toHaveLength(kept + 5);
  await other.query("commit");
  await trim();
  expect(await readIds()).toHaveLength(kept);
});

test("a job that an operator holds at this moment is passed over", async () => {
  await insert({ count: kept + 5 });
  const other = await openTransaction(queues.db);
  await other.query("select from job where queue = 'sync' and id = '2' for update");
  await trim();
  expect(await readIds()).toEqual([2, ...range(6, kept + 5)]);
});

test("a process that stops trims no further", async () => {
  await insert({ count: kept + 5 });
  await queues.backend.trimHistory(AbortSignal.abort());
  expect(await readIds()).toHaveLength(kept + 5);
});
