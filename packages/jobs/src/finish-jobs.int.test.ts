import { afterAll, beforeAll, beforeEach, expect, inject, onTestFinished, test } from "vitest";
import { type DoneJob, finishJobs } from "./finish-jobs.ts";
import { openProducer, type Producer } from "./producer.ts";
import { addSyncJob, type SyncJob } from "./sync-job.ts";
import { openTestQueues, openTransaction, type TestQueues } from "./testing.ts";

const waitMs = 30_000;
const worker = { queue: "sync", name: undefined, lockMs: 15_000 };

let queues: TestQueues;
let sync: Producer;
beforeAll(async () => {
  queues = await openTestQueues(inject("postgresUrl"));
  sync = openProducer(queues.backend, "sync");
});
afterAll(async () => {
  await sync?.close();
  await queues?.close();
});
beforeEach(async () => {
  await queues.db.query("delete from job; delete from dedup; delete from dedup_next; delete from meta");
});

const add = (clerkId: string, fields: Partial<SyncJob> = {}) =>
  addSyncJob(
    sync,
    { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: 1, ...fields } as SyncJob,
    waitMs,
  );

/** Takes the next jobs as BullMQ does. Each gets a token of its own. */
async function take(count: number): Promise<DoneJob[]> {
  const taken: DoneJob[] = [];
  for (let at = 0; at < count; at += 1) {
    const token = `token:${at}`;
    const { rows } = await queues.db.query(
      "select id from move_to_active('sync', $1, 15000, $2, null, null, null)",
      [token, Date.now()],
    );
    taken.push({ id: rows[0]?.id, token, fetchNext: true });
  }
  return taken;
}

async function addAndTake(...clerkIds: string[]): Promise<DoneJob[]> {
  for (const clerkId of clerkIds) await add(clerkId);
  return take(clerkIds.length);
}

const finish = (jobs: readonly DoneJob[]) => finishJobs(queues.queuePool, worker, jobs);

async function readJobs(): Promise<{ clerkId: string; state: string }[]> {
  const { rows } = await queues.db.query(
    `select data ->> 'clerkId' as "clerkId", state::text from job order by id::int`,
  );
  return rows;
}

const countRows = async (table: "dedup" | "dedup_next") =>
  (await queues.db.query(`select count(*)::int as count from ${table}`)).rows[0]?.count;

test("jobs are completed together, and as many waiting jobs are taken, in their order", async () => {
  const [first, second] = await addAndTake("user_1", "user_2");
  for (const clerkId of ["user_3", "user_4", "user_5"]) await add(clerkId);
  if (!first || !second) throw new Error("No job was taken");
  const { finished, next } = await finish([first, second]);
  expect([...finished]).toEqual([first.id, second.id]);
  expect([first, second].map(({ token }) => JSON.parse(next.get(token)?.data ?? "").clerkId)).toEqual([
    "user_3",
    "user_4",
  ]);
  expect((await readJobs()).map(({ state }) => state)).toEqual([
    "completed",
    "completed",
    "active",
    "active",
    "waiting",
  ]);
});

test("a worker that wants no further job gets none", async () => {
  const [job] = await addAndTake("user_1");
  await add("user_2");
  if (!job) throw new Error("No job was taken");
  const { finished, next } = await finish([{ ...job, fetchNext: false }]);
  expect([finished.size, next.size]).toEqual([1, 0]);
});

/** Everything that BullMQ stores, without ids and times. */
async function readStored() {
  const { rows } = await queues.db.query(
    `select to_jsonb(job) - '{id, seq, added_at_ms, processed_at_ms, finished_at_ms, locked_until_ms}'::text[] as job,
            finished_at_ms is null as "isOpen", locked_until_ms is null as "isFree",
            locked_until_ms - processed_at_ms as "lockMs"
     from job order by id::int`,
  );
  return { jobs: rows, dedup: await countRows("dedup"), next: await countRows("dedup_next") };
}

test("completed and taken jobs are stored as BullMQ's own function stores them", async () => {
  const run = async (complete: (job: DoneJob) => Promise<unknown>) => {
    await queues.db.query("delete from job; delete from dedup");
    const [job] = await addAndTake("user_1");
    await add("user_2");
    if (!job) throw new Error("No job was taken");
    await complete(job);
    return readStored();
  };
  const ours = await run((job) => finish([job]));
  const theirs = await run(({ id, token }) =>
    queues.db.query(
      "select * from move_to_completed_fetch('sync', $1, $2, 'null', $3, false, null, null, 15000, $3, null, null, null)",
      [id, token, Date.now()],
    ),
  );
  expect(ours.jobs).toHaveLength(2);
  expect(ours).toEqual(theirs);
});

test("a job that was added while one ran becomes the next one, with the payload of the last add", async () => {
  const jobs = await addAndTake("user_1");
  await add("user_1", { eventAtMs: 2 });
  await add("user_1", { eventAtMs: 3 });
  const { next } = await finish(jobs);
  expect([...next.values()].map(({ data }) => JSON.parse(data))).toMatchObject([
    { clerkId: "user_1", eventAtMs: 3 },
  ]);
  // The key now belongs to the new job, so that it merges with adds as any other.
  expect([await countRows("dedup"), await countRows("dedup_next")]).toEqual([1, 0]);
});

test("a job that ended leaves no deduplication key behind", async () => {
  await finish(await addAndTake("user_1", "user_2"));
  expect(await countRows("dedup")).toBe(0);
});

test("an add that commits while the batch waits for its key is not lost", async () => {
  const jobs = await addAndTake("user_1", "user_2");
  const adding = await openTransaction(queues.db);
  await adding.query(
    `select add_job('sync', '', 'refresh', '{"clerkId": "user_1"}',
       '{"deduplication": {"id": "user_1", "keepLastIfActive": true}}', 0, 0, 1, 5, null, null, null, 'user_1', null, false)`,
  );
  const finishing = finish(jobs);
  await expect
    .poll(
      async () =>
        (await queues.db.query("select from pg_locks where locktype = 'advisory' and not granted")).rowCount,
      { timeout: waitMs },
    )
    .toBe(1);
  await adding.query("commit");
  expect([...(await finishing).next.values()].map(({ data }) => JSON.parse(data))).toEqual([
    { clerkId: "user_1" },
  ]);
});

test("a job whose lock was lost stays as it is, and takes no next job; the others are completed", async () => {
  const [lost, other] = await addAndTake("user_1", "user_2");
  await add("user_3");
  if (!lost || !other) throw new Error("No job was taken");
  await queues.db.query("update job set lock_token = 'another' where id = $1", [lost.id]);
  const { finished, next } = await finish([lost, other]);
  expect([...finished]).toEqual([other.id]);
  expect([...next.keys()]).toEqual([other.token]);
  expect((await readJobs()).map(({ state }) => state)).toEqual(["active", "completed", "active"]);
});

test("a job whose row another transaction holds stays as it is, and nothing waits for it", async () => {
  const [held, other] = await addAndTake("user_1", "user_2");
  if (!held || !other) throw new Error("No job was taken");
  const holder = await openTransaction(queues.db);
  await holder.query("select from job where id = $1 for update", [held.id]);
  expect([...(await finish([held, other])).finished]).toEqual([other.id]);
});

test("a job of a flow is left to BullMQ, as child and as parent", async () => {
  const [child, parent, other] = await addAndTake("user_1", "user_2", "user_3");
  if (!child || !parent || !other) throw new Error("No job was taken");
  await queues.db.query("update job set parent_queue = 'sync', parent_id = $1 where id = $2", [
    parent.id,
    child.id,
  ]);
  await queues.db.query("insert into job_dependency values ('sync', $1, 'sync', $2, 'sync:' || $2)", [
    parent.id,
    child.id,
  ]);
  expect([...(await finish([child, parent, other])).finished]).toEqual([other.id]);
});

test.each(["paused", "concurrency", "max"])(
  "in a queue with the setting %s, no job is taken",
  async (field) => {
    const jobs = await addAndTake("user_1");
    await add("user_2");
    await queues.db.query("insert into meta values ('sync', $1, '1')", [field]);
    const { finished, next } = await finish(jobs);
    expect([finished.size, next.size]).toEqual([1, 0]);
  },
);

test("a delayed job that is due is taken, and the time of one that is not due is reported", async () => {
  const jobs = await addAndTake("user_1");
  await add("user_2");
  const delay = (ms: number) =>
    queues.db.query(
      `update job set state = 'delayed', delay_ms = 1000, process_at_ms = $1 where data ->> 'clerkId' = 'user_2'`,
      [ms],
    );
  const dueAtMs = Date.now() + 3_600_000;
  await delay(dueAtMs);
  expect(await finish(jobs)).toMatchObject({ nextDelayedAtMs: dueAtMs });

  const again = await addAndTake("user_3");
  await delay(Date.now() - 1);
  const { next } = await finish(again);
  expect([...next.values()]).toMatchObject([{ data: expect.stringContaining("user_2"), delay: 0 }]);
});

test("a job that another worker is taking at this moment is not taken, and nothing waits for it", async () => {
  const jobs = await addAndTake("user_1");
  await add("user_2");
  await add("user_3");
  const other = await openTransaction(queues.db);
  await other.query("select from move_to_active('sync', 'other', 15000, $1, null, null, null)", [Date.now()]);
  const { next } = await finish(jobs);
  expect([...next.values()].map(({ data }) => JSON.parse(data))).toMatchObject([{ clerkId: "user_3" }]);
});

test("plans that Postgres made for an empty queue read only the rows of the batch when the queue is long", async () => {
  // Plans belong to a connection.
  const client = await queues.db.connect();
  onTestFinished(() => client.release());
  const users = Array.from({ length: 20 }, (_, at) => `user_${at}`);
  const run = async () => {
    const ids: string[] = [];
    for (const user of users) {
      const { rows } = await client.query(
        "select id from move_to_active('sync', $1, 15000, 1, null, null, null)",
        [user],
      );
      ids.push(rows[0]?.id);
    }
    await client.query("select rollcall_finish_jobs('sync', $1, $2, $3, 1, 15000, null)", [
      ids,
      users,
      users.map(() => false),
    ]);
  };
  await client.query("vacuum analyze job, dedup");
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(users.map((user) => add(user)));
    await run();
  }
  await client.query(
    `insert into job (queue, id, seq, name, state, added_at_ms, dedup_id)
     select 'sync', 'more.' || n, nextval('job_seq'), 'refresh', 'waiting', 1, 'user.' || n from generate_series(1, 3000) n;
     insert into dedup select queue, dedup_id, id from job where id like 'more.%'`,
  );

  const countReads = async (): Promise<number> => {
    const { rows } = await client.query(
      `select sum(seq_tup_read + idx_tup_fetch)::int as read
       from pg_stat_xact_user_tables where relname in ('job', 'dedup')`,
    );
    return rows[0]?.read;
  };
  await client.query("begin");
  const before = await countReads();
  await run();
  const read = (await countReads()) - before;
  await client.query("rollback");
  expect(read).toBeLessThan(500);
});
