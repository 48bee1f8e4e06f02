import { AppError, purgeAnswer } from "@rollcall/contracts";
import {
  createPool,
  createQueuePool,
  findPurge,
  migrateUp,
  type Pool,
  prunePurges,
  requestPurge,
} from "@rollcall/db";
import {
  createPostgresQueueBackend,
  migrateQueues,
  openProducer,
  type Producer,
  type QueueBackend,
} from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { createLogger, createMetrics } from "@rollcall/observability";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { noSessionCache, type SessionCache } from "../ensure/session-cache.ts";
import { type PurgeWorkContext, workOnPurges } from "./requested-purges.ts";

let pool: Pool;
let backend: QueueBackend;
let letters: Producer;

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const ignore = () => undefined;
  pool = createPool({ databaseUrl, applicationName: "test", searchPath: "public", onIdleError: ignore });
  await migrateUp(pool);
  await migrateQueues(pool.driver);
  backend = createPostgresQueueBackend(createQueuePool({ databaseUrl, onIdleError: ignore }));
  letters = openProducer(backend, "dead-letter");
});
beforeEach(async () => {
  await (await letters.connected(10_000)).obliterate({ force: true });
  await pool.query("truncate users, mentorados, rollcall.events, rollcall.purges, rollcall.former_profiles");
});
afterAll(async () => {
  await letters?.close();
  await backend?.close();
  await pool?.end();
});

/** A worker. `invalidate` runs after its transaction that erases. */
function worker(invalidate: SessionCache["invalidate"] = noSessionCache.invalidate): PurgeWorkContext {
  return {
    pool,
    clerk: undefined,
    sessionCache: { ...noSessionCache, invalidate },
    producers: { "dead-letter": letters },
    log: createLogger({ level: "silent", process: "test" }),
    metrics: createMetrics("worker"),
  };
}

const request = { clerkId: "user_gone", keepProfile: false, also: [], preview: false, by: "ana" };
const waitMs = 10_000;

/** A tombstone with a former profile and a number of dead letters. */
async function insertGone(deadLetters: number): Promise<void> {
  await pool.query("insert into users (clerk_id, deleted_at) values ('user_gone', now())");
  await pool.query(
    `with profile as (
       insert into mentorados (nome_completo, turma, email) values ('Gone', 'neon', 'gone@example.com') returning id
     )
     insert into rollcall.former_profiles (mentorado_id, clerk_id) select id, 'user_gone' from profile`,
  );
  const payload = { v: 1, kind: "refresh", clerkId: "user_gone", cause: "webhook", eventAtMs: 1 };
  const died = { code: "user.rejected", attempts: 5, firstAtMs: 1, failedAtMs: 1, replayable: true };
  const letter = { v: 1, queue: "sync", name: "refresh", payload, ...died };
  const queue = await letters.connected(10_000);
  await queue.addBulk(
    Array.from({ length: deadLetters }, (_, index) => ({
      name: "user.rejected",
      data: letter,
      opts: { jobId: `sync.${index}x` },
    })),
  );
}

const claimIsOver = () => pool.query("update rollcall.purges set due_at = now()");

async function readEnd(id: number) {
  const purge = await findPurge(pool, id);
  expect(purge).toMatchObject({ isFinished: true, errorCode: null });
  const { goes } = purgeAnswer.parse(purge?.answer);
  return Object.fromEntries(goes.map(({ what, count }) => [what, count]));
}

const countPurged = async () =>
  (await pool.query("select from rollcall.events where kind = 'user_purged'")).rows.length;

const all = { profile: 1, dead_letters: 3, session_cache: 1 };

test("a purge whose claim is over in the middle goes on in another worker, erases once and is recorded once", async () => {
  await insertGone(3);
  const id = await requestPurge(pool, request, waitMs);
  let others = 0;
  await workOnPurges(
    worker(async () => {
      others++;
      await claimIsOver();
      await workOnPurges(worker());
    }),
  );
  expect(others).toBe(1);
  expect(await readEnd(id)).toEqual(all);
  expect(await countPurged()).toBe(1);
});

test("a worker that dies after it erased leaves what it erased to the report of the next one", async () => {
  await insertGone(3);
  const id = await requestPurge(pool, request, waitMs);
  const away = new AppError("queue.unavailable", "away");
  await expect(workOnPurges(worker(() => Promise.reject(away)))).rejects.toBe(away);
  expect(await findPurge(pool, id)).toMatchObject({ isFinished: false });
  await claimIsOver();
  await workOnPurges(worker());
  expect(await readEnd(id)).toEqual(all);
  expect(await countPurged()).toBe(1);
});

test("the claim is prolonged at each page of dead letters", async () => {
  await insertGone(450);
  await pool.query(
    `create table prolonged (due_at timestamptz not null);
     create function note() returns trigger language plpgsql as
       $$ begin insert into public.prolonged values (new.due_at); return null; end $$;
     create trigger note after update on rollcall.purges for each row
       when (new.due_at > old.due_at) execute function note()`,
  );
  try {
    await requestPurge(pool, request, waitMs);
    await workOnPurges(worker());
    // The claim, the transaction that erases, three pages, and the removal of the letters.
    expect((await pool.query("select from prolonged")).rows.length).toBeGreaterThanOrEqual(6);
  } finally {
    await pool.query("drop trigger note on rollcall.purges");
  }
});

describe("a call that is repeated", () => {
  const preview = { ...request, preview: true };
  const late = () =>
    pool.query("update rollcall.purges set requested_at = now() - interval '15 seconds', due_at = now()");

  test.each([
    ["preview", preview],
    ["purge", request],
  ])("follows the same %s, also when it ended after the first call had given up", async (_name, wish) => {
    await insertGone(1);
    const id = await requestPurge(pool, wish, waitMs);
    expect(await requestPurge(pool, wish, waitMs)).toBe(id);
    await late();
    await workOnPurges(worker());
    expect(await requestPurge(pool, wish, waitMs)).toBe(id);
    expect(await readEnd(id)).toMatchObject({ profile: 1, dead_letters: 1 });
  });

  test("does not follow what was answered in time, or has other options", async () => {
    await insertGone(0);
    const id = await requestPurge(pool, preview, waitMs);
    expect(await requestPurge(pool, { ...preview, keepProfile: true }, waitMs)).not.toBe(id);
    await workOnPurges(worker());
    expect(await requestPurge(pool, preview, waitMs)).not.toBe(id);
  });

  test("makes a new preview after a minute, and the old one is neither begun nor kept", async () => {
    await insertGone(0);
    const id = await requestPurge(pool, preview, waitMs);
    await pool.query(
      "update rollcall.purges set requested_at = now() - interval '2 minutes', due_at = now()",
    );
    await workOnPurges(worker());
    expect(await findPurge(pool, id)).toMatchObject({ isFinished: false, claim: 0 });
    expect(await requestPurge(pool, preview, waitMs)).not.toBe(id);
    await prunePurges(pool);
    expect(await findPurge(pool, id)).toBeUndefined();
    expect((await pool.query("select from rollcall.purges")).rows).toHaveLength(1);
  });
});
