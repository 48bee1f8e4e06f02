import { setTimeout as sleep } from "node:timers/promises";
import { acquireLease, findRun, holdLease, leaseName, readCatchUp, releaseLease } from "@rollcall/db";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noSessionCache } from "../ensure/session-cache.ts";
import { cancelRun, requestRun } from "./request-run.ts";
import { claimIdleRuns, followRun } from "./run.ts";
import { findInequalities } from "./testing/clerk-equality.ts";
import { type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let proxy: ManglingProxy;
let others: Reconciler[];

beforeEach(async () => {
  stage = await openStage();
  proxy = await startManglingProxy(stage.clerk);
  others = [];
});
afterEach(async () => {
  await Promise.all(others.map((other) => other.close()));
  await Promise.all([proxy.close(), stage.close()]);
});

function another(options: Parameters<typeof createReconciler>[2] = {}): Reconciler {
  const reconciler = createReconciler(stage.databaseUrl, stage.clerk, options);
  others.push(reconciler);
  return reconciler;
}

/** A reconciler whose beats never come, like those of a suspended process. */
const sleeper = () => another({ leaseMs: 600_000, apiUrl: proxy.url });

/** Lets any process take the lease, as after a holder missed its beats. */
const expireLeases = () =>
  stage.db.query("update rollcall.leases set expires_at = now() - interval '1 second'");

const readPages = async (runId = 1) => (await findRun(stage.db, runId))?.pages;

test("two workers and a command line run one full sync together, with one request for each page", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(2_000);
  const runs = await Promise.all(
    [another(), another(), another()].map(async ({ context }, index) => {
      const requester = { program: `starter ${index}` };
      const { run } = await requestRun(context, { mode: "full", dryRun: false }, requester);
      return followRun(context, run.id);
    }),
  );
  // The id is not predictable: the requests that lose the race may use ids up.
  const [first] = runs;
  expect(runs.map(({ id, state }) => ({ id, state }))).toEqual(
    Array(3).fill({ id: first?.id, state: "succeeded" }),
  );
  const requests = await clerk.requests.list({ path: "/v1/users" });
  expect(requests.length).toBeLessThanOrEqual(2_000 / 500 + 2);
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("a lease has one holder until it expires or is released", async () => {
  const { db } = stage;
  const name = leaseName({ mode: "full", dryRun: false });
  const taken = await Promise.all(Array.from({ length: 8 }, () => acquireLease(db, name, 60_000)));
  const [lease, ...more] = taken.filter((one) => one !== undefined);
  if (!lease) throw new Error("No process got the lease");
  expect(more).toEqual([]);
  expect(await holdLease(db, lease)).toBe(true);
  // A replica that has taken over, or a server after a crash, may lack steps of the holder.
  expect(await holdLease(db, { ...lease, serverStart: "0" })).toBe(false);
  const lasting = await acquireLease(db, "lasting", 60_000, { outlivesServer: true });
  expect(lasting).toMatchObject({ serverStart: null });
  expect(lasting && (await holdLease(db, lasting))).toBe(true);
  await expireLeases();
  // An expired lease is lost, also when no other process took it.
  expect(await holdLease(db, lease)).toBe(false);
  const next = await acquireLease(db, name, 60_000);
  // The former holder must not release the lease of the next.
  await releaseLease(db, lease);
  expect(await acquireLease(db, name, 60_000)).toBeUndefined();
  if (next) await releaseLease(db, next);
  expect(await acquireLease(db, name, 60_000)).toBeDefined();
});

/**
 * Runs `lose` once, before Clerk answers the first page behind a cursor. The run may end before it is done: a beat finds the
 * lease lost.
 */
function loseLease<Pages>(lose: () => Promise<Pages>): () => Promise<Pages> {
  let lost: Promise<Pages> | undefined;
  proxy.mangle(async ({ parameters }) => {
    if (!parameters.has("starting_after")) return;
    lost ??= lose();
    await lost;
  });
  return () => {
    if (!lost) throw new Error("No page behind a cursor was asked for");
    return lost;
  };
}

describe("a holder that slept through its lease", () => {
  test.each([
    ["no other runner took it", false],
    ["another runner took it", true],
  ])("stores no page: %s", async (_, takenOver) => {
    await stage.clerk.users.seed(1_700);
    const pagesThen = loseLease(async () => {
      await expireLeases();
      if (takenOver) await acquireLease(stage.db, "full", 60_000);
      return readPages();
    });
    expect((await sleeper().run("full")).kind).toBe("interrupted");
    expect(await readPages()).toBe(await pagesThen());
    await expireLeases();
    const run = await stage.reconciler.complete("full");
    expect(run).toMatchObject({ id: 1, state: "succeeded", seen: 1_700 });
    expect(await findInequalities(stage.db, stage.clerk)).toEqual([]);
  });

  // Such a page is stored by one statement, which has a fence of its own.
  test("stores no page that is in step", async () => {
    await stage.clerk.users.seed(1_700);
    await stage.reconciler.complete("full");
    const pagesThen = loseLease(async () => {
      await expireLeases();
      return readPages(2);
    });
    expect((await sleeper().run("full")).kind).toBe("interrupted");
    expect(await readPages(2)).toBe(await pagesThen());
  });

  test("writes no tombstone", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(1_100);
    await stage.reconciler.complete("full");
    for (const { id } of (await clerk.users.list()).slice(0, 3))
      await clerk.users.delete(id, { silent: true });
    // Clerk's answer by id is the last step before the deletions.
    proxy.mangle(async ({ parameters }) => {
      if (!parameters.has("user_id")) return;
      await expireLeases();
      await acquireLease(db, "full", 60_000);
    });
    expect((await sleeper().run("full")).kind).toBe("interrupted");
    expect((await db.query("select from users where deleted_at is not null")).rowCount).toBe(0);
    await expireLeases();
    const run = await stage.reconciler.complete("full");
    expect(run).toMatchObject({ id: 2, state: "succeeded", counts: { deleted: 3 } });
  });

  test("raises no watermark", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(10);
    proxy.mangle(async ({ path }) => {
      if (path === "/v1/users/count") await expireLeases();
    });
    expect((await sleeper().run("catch-up")).kind).toBe("interrupted");
    expect((await readCatchUp(db)).watermarkMs).toBeNull();
  });
});

describe("a runner that dies", () => {
  test("leaves a run that another process resumes behind its last page, and that counts each user once", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(2_300);
    for (const pages of [1, 3]) {
      const stop = new AbortController();
      const result = await another().run("full", {
        signal: stop.signal,
        onProgress: (run) => run.pages >= pages && stop.abort(),
      });
      expect(result.kind).toBe("interrupted");
    }
    const run = await stage.reconciler.complete("full");
    expect(run).toMatchObject({
      id: 1,
      state: "succeeded",
      pages: 5,
      seen: 2_300,
      counts: { created: 2_300 },
    });
    expect(await findInequalities(db, clerk)).toEqual([]);
  });

  test("after writing a page has its cache keys deleted by the next runner", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(20);
    const invalidated: string[] = [];
    const sessionCache = {
      ...noSessionCache,
      invalidate: async (clerkIds: readonly string[]) => {
        invalidated.push(...clerkIds);
      },
    };
    const { context } = another({ sessionCache });
    const { run } = await requestRun(context, { mode: "full", dryRun: false }, { program: "test" });
    await another().complete("full", { dryRun: true });
    // The state after a death between write and invalidation: equal rows, and a run that had begun.
    await another().run("catch-up");
    await db.query("update rollcall.runs set state = 'running', started_at = now() where id = $1", [run.id]);
    expect((await followRun(context, run.id)).counts).toMatchObject({ unchanged: 20 });
    expect(invalidated).toHaveLength(20);
  });

  test("has its run claimed by a worker, and so has a run that no process started", async () => {
    const { context } = stage.reconciler;
    await stage.clerk.users.seed(10);
    // The first full sync is requested automatically.
    expect(await claimIdleRuns(context)).toEqual([]);
    const longAgo =
      "update rollcall.runs set requested_at = now() - interval '1 minute', heartbeat_at = null";
    await stage.db.query(longAgo);
    expect(await claimIdleRuns(context)).toMatchObject([
      { mode: "full", state: "waiting", startedBy: "first-boot" },
    ]);
    const lease = await acquireLease(stage.db, "full", 60_000);
    expect(await claimIdleRuns(context)).toEqual([]);
    if (lease) await releaseLease(stage.db, lease);
    await stage.reconciler.complete("full");
    expect(await claimIdleRuns(context)).toEqual([]);
  });

  test("twenty times at one checkpoint ends the run, with a reason", async () => {
    const { db } = stage;
    await stage.clerk.users.seed(10);
    const { run } = await requestRun(
      stage.reconciler.context,
      { mode: "full", dryRun: false },
      { program: "test" },
    );
    await db.query("update rollcall.runs set attempts = 20, started_at = now(), state = 'running'");
    expect(await followRun(stage.reconciler.context, run.id)).toMatchObject({
      state: "failed",
      errorCode: "reconcile.interrupted",
      reason: "20 attempts died or lost Postgres at one checkpoint",
    });
  });
});

/** Starts a dry run that has three deletion candidates, and interrupts it. */
async function abandonDryRun(): Promise<number> {
  const { clerk, reconciler } = stage;
  await clerk.users.seed(1_200);
  await reconciler.complete("full");
  for (const { id } of (await clerk.users.list()).slice(0, 3)) await clerk.users.delete(id, { silent: true });
  const stop = new AbortController();
  const options = { dryRun: true, signal: stop.signal };
  await another().run("full", { ...options, onProgress: ({ pages }) => pages > 0 && stop.abort() });
  expect(await readRunsWithCandidates()).toEqual([2]);
  return 2;
}

/** The runs that have deletion candidates. */
const readRunsWithCandidates = async () =>
  (await stage.db.query("select distinct run_id::int as id from rollcall.deletion_candidates")).rows.map(
    ({ id }) => id,
  );

describe("cancelling", () => {
  test("stops a run within a beat, deletes no user, and names the operator", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(1_200);
    await stage.reconciler.complete("full");
    for (const { id } of (await clerk.users.list()).slice(0, 3))
      await clerk.users.delete(id, { silent: true });
    const runner = another({ leaseMs: 3_000, apiUrl: proxy.url });
    proxy.mangle(async ({ parameters }) => {
      if (!parameters.has("user_id")) return;
      await cancelRun(stage.reconciler.context, 2, "ops");
      await sleep(2_500);
    });
    expect(await runner.complete("full")).toMatchObject({
      state: "cancelled",
      reason: "Cancelled by ops",
      counts: { deleted: 0 },
    });
    expect((await db.query("select from users where deleted_at is not null")).rowCount).toBe(0);
    expect((await db.query("select from rollcall.deletion_candidates")).rowCount).toBe(0);
  });

  test("a run whose runner died leaves no deletion candidates after the next catch-up", async () => {
    const { context, complete } = stage.reconciler;
    const runId = await abandonDryRun();
    await complete("catch-up");
    // The run is not over: another process may resume it.
    expect(await readRunsWithCandidates()).toEqual([runId]);
    expect(await cancelRun(context, runId, "ops")).toMatchObject({ state: "cancelled" });
    await complete("catch-up");
    expect(await readRunsWithCandidates()).toEqual([]);
  });

  test("again ends a run whose runner died after the first request", async () => {
    const { context } = stage.reconciler;
    const { run } = await requestRun(context, { mode: "full", dryRun: false }, { program: "test" });
    await stage.db.query(
      "update rollcall.runs set state = 'running', started_at = now(), heartbeat_at = now()",
    );
    const lease = await acquireLease(context.pool, "full", 60_000);
    if (!lease) throw new Error("Another process has the lease");
    expect(await cancelRun(context, run.id, "ops")).toMatchObject({
      state: "running",
      cancelRequested: true,
    });
    expect(await cancelRun(context, run.id, "ops")).toMatchObject({ state: "running" });
    await expect(cancelRun(context, run.id, "ana")).rejects.toMatchObject({
      code: "admin.changed_meanwhile",
    });
    // The lease of a dead runner is over after some seconds.
    await releaseLease(context.pool, lease);
    expect(await cancelRun(context, run.id, "ana")).toMatchObject({
      state: "cancelled",
      reason: "Cancelled by ops",
      finishedAt: expect.any(String),
    });
  });

  test("ends a run without a runner at once, and refuses a run that is over", async () => {
    const { context } = stage.reconciler;
    const { run } = await requestRun(context, { mode: "full", dryRun: false }, { program: "test" });
    expect(await cancelRun(context, run.id, "ops")).toMatchObject({ state: "cancelled" });
    await expect(cancelRun(context, run.id, "ops")).rejects.toMatchObject({ code: "run.finished" });
    await expect(cancelRun(context, 99, "ops")).rejects.toMatchObject({ code: "run.unknown" });
    expect((await followRun(context, run.id)).state).toBe("cancelled");
  });
});

test("a full sync deletes the candidates of dry runs that are over, and keeps those of an open one", async () => {
  const { reconciler } = stage;
  const runId = await abandonDryRun();
  await reconciler.complete("full");
  expect(await readRunsWithCandidates()).toEqual([runId]);
  await cancelRun(reconciler.context, runId, "ops");
  await reconciler.complete("full");
  expect(await readRunsWithCandidates()).toEqual([]);
});

test("the candidates of a held run stay until a person confirms, whatever runs meanwhile", async () => {
  const { clerk, reconciler } = stage;
  await clerk.users.seed(50);
  await reconciler.complete("full");
  for (const { id } of (await clerk.users.list()).slice(0, 6)) await clerk.users.delete(id, { silent: true });
  expect(await reconciler.complete("full")).toMatchObject({ id: 2, state: "held" });
  await reconciler.complete("catch-up");
  await reconciler.complete("full", { dryRun: true });
  expect(await readRunsWithCandidates()).toEqual([2]);
});
