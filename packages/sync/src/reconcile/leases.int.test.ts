import { setTimeout as sleep } from "node:timers/promises";
import { acquireLease, findRun, holdLease, leaseName, readCatchUp, releaseLease } from "@rollcall/db";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { followRun } from "./follow-run.ts";
import { claimIdleRuns } from "./maintenance.ts";
import { cancelRun } from "./order-run.ts";
import { requestRun } from "./request-run.ts";
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

/** One whose beats never come: as if its process stood still. */
const sleeper = () => another({ leaseMs: 600_000, apiUrl: proxy.url });

/** Anybody may take the lease now, as when its holder has been silent for too long. */
const expireLeases = () =>
  stage.db.query("update rollcall.leases set expires_at = now() - interval '1 second'");

const readPages = async () => (await findRun(stage.db, 1))?.pages;

test("two workers and a command line at once run one sweep, with a request for each page", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(2_000);
  const runs = await Promise.all(
    [another(), another(), another()].map(async ({ context }, index) => {
      const request = { mode: "full", dryRun: false, startedBy: `starter ${index}` } as const;
      const { run } = await requestRun(context, request);
      return followRun(context, run.id);
    }),
  );
  // Which id it has is chance: those who lose the race may use some up.
  const [first] = runs;
  expect(runs.map(({ id, state }) => ({ id, state }))).toEqual(
    Array(3).fill({ id: first?.id, state: "succeeded" }),
  );
  const requests = await clerk.requests.list({ path: "/v1/users" });
  expect(requests.length).toBeLessThanOrEqual(2_000 / 500 + 2);
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("a lease has one holder until it expires or is given back", async () => {
  const { db } = stage;
  const name = leaseName({ mode: "full", dryRun: false });
  const taken = await Promise.all(Array.from({ length: 8 }, () => acquireLease(db, name, 60_000)));
  const [lease, ...more] = taken.filter((one) => one !== undefined);
  if (!lease) throw new Error("nobody got the lease");
  expect(more).toEqual([]);
  expect(await holdLease(db, lease)).toBe(true);
  await expireLeases();
  // Nobody took it over, and still: what is over is over.
  expect(await holdLease(db, lease)).toBe(false);
  const next = await acquireLease(db, name, 60_000);
  // Not its to give back any more.
  await releaseLease(db, lease);
  expect(await acquireLease(db, name, 60_000)).toBeUndefined();
  if (next) await releaseLease(db, next);
  expect(await acquireLease(db, name, 60_000)).toBeDefined();
});

describe("a holder that slept through its lease", () => {
  test.each([
    ["nobody took it over", false],
    ["another runner did", true],
  ])("stores no page: %s", async (_, takenOver) => {
    await stage.clerk.users.seed(1_700);
    let pagesThen: number | undefined;
    proxy.mangle(async ({ parameters }) => {
      if (!parameters.has("starting_after") || pagesThen !== undefined) return;
      await expireLeases();
      if (takenOver) await acquireLease(stage.db, "full", 60_000);
      pagesThen = await readPages();
    });
    expect((await sleeper().run("full")).kind).toBe("interrupted");
    expect(pagesThen).toBeDefined();
    expect(await readPages()).toBe(pagesThen);
    await expireLeases();
    const run = await stage.reconciler.complete("full");
    expect(run).toMatchObject({ id: 1, state: "succeeded", seen: 1_700 });
    expect(await findInequalities(stage.db, stage.clerk)).toEqual([]);
  });

  test("writes no tombstone", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(1_100);
    await stage.reconciler.complete("full");
    for (const { id } of (await clerk.users.list()).slice(0, 3))
      await clerk.users.delete(id, { silent: true });
    // Clerk's answer by id is the last thing before they would be deleted.
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
  test("leaves a run that another goes on with behind its last page, and that counts everybody once", async () => {
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

  test("after writing a page has its caches dropped by the next", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(20);
    const dropped: string[] = [];
    const sessionCache = {
      read: async () => ({ miss: { lease: null } }),
      fill: async () => undefined,
      drop: async (clerkId: string) => {
        dropped.push(clerkId);
      },
    };
    const { context } = another({ sessionCache });
    const { run } = await requestRun(context, { mode: "full", dryRun: false, startedBy: "test" });
    await another().complete("full", { dryRun: true });
    // What a death between write and drop leaves: rows that are equal, and a run that had begun.
    await another().run("catch-up");
    await db.query("update rollcall.runs set state = 'running', started_at = now() where id = $1", [run.id]);
    expect((await followRun(context, run.id)).counts).toMatchObject({ unchanged: 20 });
    expect(dropped).toHaveLength(20);
  });

  test("has its run taken on by whoever looks, and one that nobody began as well", async () => {
    const { context } = stage.reconciler;
    await stage.clerk.users.seed(10);
    // The first sweep makes itself.
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

  test("again and again at one place ends the run, with a reason", async () => {
    const { db } = stage;
    await stage.clerk.users.seed(10);
    const { run } = await requestRun(stage.reconciler.context, {
      mode: "full",
      dryRun: false,
      startedBy: "test",
    });
    await db.query("update rollcall.runs set attempts = 20, started_at = now(), state = 'running'");
    expect(await followRun(stage.reconciler.context, run.id)).toMatchObject({
      state: "failed",
      errorCode: "reconcile.interrupted",
      reason: "20 runners died or lost Postgres at one place",
    });
  });
});

/** A dry run that candidates three, and that nobody works on any more. */
async function abandonDryRun(): Promise<number> {
  const { clerk, reconciler } = stage;
  await clerk.users.seed(1_200);
  await reconciler.complete("full");
  for (const { id } of (await clerk.users.list()).slice(0, 3)) await clerk.users.delete(id, { silent: true });
  const stop = new AbortController();
  const options = { dryRun: true, signal: stop.signal };
  await another().run("full", { ...options, onProgress: ({ pages }) => pages > 0 && stop.abort() });
  expect(await readUncertain()).toEqual([2]);
  return 2;
}

/** The runs that suspect somebody. */
const readUncertain = async () =>
  (await stage.db.query("select distinct run_id::int as id from rollcall.deletion_candidates")).rows.map(
    ({ id }) => id,
  );

describe("cancelling", () => {
  test("stops a run within a beat, deletes nobody, and says who wanted it", async () => {
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

  test("a run whose runner died leaves nobody suspected behind the next catch-up", async () => {
    const { context, complete } = stage.reconciler;
    const runId = await abandonDryRun();
    await complete("catch-up");
    // It is not over: somebody may go on with it.
    expect(await readUncertain()).toEqual([runId]);
    expect(await cancelRun(context, runId, "ops")).toMatchObject({ state: "cancelled" });
    await complete("catch-up");
    expect(await readUncertain()).toEqual([]);
  });

  test("ends a run that nobody works on at once, and refuses one that is over", async () => {
    const { context } = stage.reconciler;
    const { run } = await requestRun(context, { mode: "full", dryRun: false, startedBy: "test" });
    expect(await cancelRun(context, run.id, "ops")).toMatchObject({ state: "cancelled" });
    await expect(cancelRun(context, run.id, "ops")).rejects.toMatchObject({ code: "run.finished" });
    await expect(cancelRun(context, 99, "ops")).rejects.toMatchObject({ code: "run.unknown" });
    expect((await followRun(context, run.id)).state).toBe("cancelled");
  });
});

test("a sweep forgets the candidates of dry runs that are over, and leaves those of one that is not", async () => {
  const { reconciler } = stage;
  const runId = await abandonDryRun();
  await reconciler.complete("full");
  expect(await readUncertain()).toEqual([runId]);
  await cancelRun(reconciler.context, runId, "ops");
  await reconciler.complete("full");
  expect(await readUncertain()).toEqual([]);
});

test("whom a held run candidates waits for a person, whatever runs meanwhile", async () => {
  const { clerk, reconciler } = stage;
  await clerk.users.seed(50);
  await reconciler.complete("full");
  for (const { id } of (await clerk.users.list()).slice(0, 6)) await clerk.users.delete(id, { silent: true });
  expect(await reconciler.complete("full")).toMatchObject({ id: 2, state: "held" });
  await reconciler.complete("catch-up");
  await reconciler.complete("full", { dryRun: true });
  expect(await readUncertain()).toEqual([2]);
});
