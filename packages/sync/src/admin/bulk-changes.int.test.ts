import { createPool, createQueuePool, migrateUp, type Pool } from "@rollcall/db";
import { createPostgresQueueBackend, migrateQueues, openProducer, type Producer } from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { createLogger, createMetrics } from "@rollcall/observability";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from "vitest";
import { noSessionCache } from "../ensure/session-cache.ts";
import {
  type BulkContext,
  cancelBulk,
  getBulkChange,
  requestBulkChange,
  workOnBulkChanges,
} from "./bulk-changes.ts";

let pool: Pool;
let context: BulkContext;
let unreached: Producer;
let lines: string[];
let databaseUrl: string;

// Of one connection, as with DATABASE_MAX_CONNECTIONS=1: a step that needs a second one never ends.
beforeAll(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({
    databaseUrl,
    applicationName: "test",
    searchPath: "public",
    max: 1,
    waitTimeoutMs: 2_000,
    onIdleError: () => undefined,
  });
  await migrateUp(pool);
  // No queue exists, and a tier needs none.
  const backend = createPostgresQueueBackend(
    createQueuePool({ databaseUrl: "postgres://unknown@127.0.0.1:9/none", onIdleError: () => undefined }),
  );
  unreached = openProducer(backend, "sync");
  context = {
    pool,
    sessionCache: noSessionCache,
    producers: { sync: unreached },
    backend,
    log: createLogger({ level: "info", process: "test", destination: { write: (line) => lines.push(line) } }),
    metrics: createMetrics("worker"),
  };
});
beforeEach(async () => {
  lines = [];
  await pool.query("truncate users, mentorados, rollcall.events, rollcall.bulk_changes cascade");
});
afterAll(async () => {
  await unreached?.close();
  await pool?.end();
});

async function stage(count: number): Promise<number> {
  await pool.query("insert into users (clerk_id) select 'user_' || n from generate_series(1, $1) n", [count]);
  const answer = await requestBulkChange(
    context,
    { filter: {}, action: { tier: "PRO" }, preview: false },
    "ana",
  );
  if (answer.jobId === undefined) throw new Error("The change was not made");
  return answer.jobId;
}

/** What workers do until the change is over. Waits between two attempts are left out. */
async function work(id: number): Promise<void> {
  while ((await getBulkChange(context, id)).finishedAt === null) {
    await pool.query("update rollcall.bulk_portions set due_at = now()");
    await workOnBulkChanges(context, new AbortController().signal);
  }
}

test("a change is cancelled with one connection, and a second operator learns of it", async () => {
  const id = await stage(3);
  expect(await cancelBulk(context, id, "ana")).toMatchObject({ state: "cancelled" });
  await expect(cancelBulk(context, id, "bruno")).rejects.toMatchObject({
    code: "bulk.finished",
    hint: expect.stringContaining("ana"),
  });
  await expect(cancelBulk(context, id + 1, "bruno")).rejects.toMatchObject({ code: "bulk.unknown" });
});

test("a refresh skips rows whose ids are not Clerk's, because no job can name them", async () => {
  await migrateQueues(pool.driver);
  const backend = createPostgresQueueBackend(createQueuePool({ databaseUrl, onIdleError: () => undefined }));
  const sync = openProducer(backend, "sync");
  onTestFinished(async () => {
    await sync.close();
    await backend.close();
  });
  const withQueue = { ...context, producers: { sync }, backend };
  await pool.query("insert into users (clerk_id) values ('user_a'), ('auth0|5f7c8ec7')");
  const request = { filter: {}, action: { refresh: true }, preview: false } as const;
  const { jobId = 0 } = await requestBulkChange(withQueue, request, "ana");
  while ((await getBulkChange(withQueue, jobId)).finishedAt === null)
    await workOnBulkChanges(withQueue, new AbortController().signal);
  expect(await getBulkChange(withQueue, jobId)).toMatchObject({ state: "done", done: 1, skipped: 1 });
  const queue = await sync.connected(10_000);
  expect((await queue.getJobs()).map(({ data }) => data)).toMatchObject([{ clerkId: "user_a" }]);
});

describe("a tier", () => {
  afterEach(async () => {
    await pool.query("drop trigger if exists ours on users");
    await pool.query("alter table users drop constraint if exists ours");
  });

  // The code is that of a statement that took too long.
  const fail = (condition: string) =>
    pool.query(
      `create or replace function public.ours() returns trigger language plpgsql as
         $$ begin if ${condition} then raise exception using errcode = '57014'; end if; return null; end $$;
       create trigger ours after update on users referencing new table as changed
         for each statement execute function public.ours()`,
    );

  test("that a slow trigger of the app allows for a few users at once is written to each", async () => {
    const id = await stage(700);
    await fail("(select count(*) from changed) > 100");
    await work(id);
    expect(await getBulkChange(context, id)).toMatchObject({ state: "done", done: 700, failed: 0 });
  });

  test("that a trigger of the app never lets through ends as failed, and the log says why", async () => {
    const id = await stage(3);
    await fail("true");
    await work(id);
    expect(await getBulkChange(context, id)).toMatchObject({ state: "failed", code: "postgres.unavailable" });
    expect(lines.join("")).toContain('"state":"failed"');
    expect(lines.join("")).toContain("57014");
  });

  test("that a rule of the app refuses for every user ends as failed, and the log names the rule", async () => {
    const id = await stage(1_200);
    await pool.query("alter table users add constraint ours check (tier <> 'PRO' or clerk_id is null)");
    await work(id);
    expect(await getBulkChange(context, id)).toMatchObject({
      state: "failed",
      code: "user.rejected",
      failed: 500,
      done: 0,
    });
    expect(lines.join("")).toContain("23514 ours");
  });
});
