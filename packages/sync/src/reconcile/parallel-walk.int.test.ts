import { setTimeout as sleep } from "node:timers/promises";
import { acquireLease, findRun } from "@rollcall/db";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noSessionCache } from "../ensure/session-cache.ts";
import { cancelRun, requestRun } from "./request-run.ts";
import { createRequestGate } from "./retrying-clerk.ts";
import { followRun } from "./run.ts";
import { findInequalities } from "./testing/clerk-equality.ts";
import { type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let proxy: ManglingProxy;
let others: Reconciler[];

const users = 4_300;
const smallestPart = 1_000;
/** Enough to write two pages at once. */
const connections = 9;

beforeEach(async () => {
  stage = await openStage({ connections, smallestPart });
  proxy = await startManglingProxy(stage.clerk);
  others = [];
});
afterEach(async () => {
  await Promise.all(others.map((other) => other.close()));
  await Promise.all([proxy.close(), stage.close()]);
});

function another(options: Parameters<typeof createReconciler>[2] = {}): Reconciler {
  const reconciler = createReconciler(stage.databaseUrl, stage.clerk, {
    connections,
    smallestPart,
    apiUrl: proxy.url,
    ...options,
  });
  others.push(reconciler);
  return reconciler;
}

/** Few users of ten years, then most of them within seconds, and 800 in one millisecond. */
async function signUpUnevenly(): Promise<void> {
  const { clerk } = stage;
  const lastYearMs = Date.now() - 365 * 86_400_000;
  await clerk.users.seed(200, { firstCreatedAtMs: 1_300_000_000_000, stepMs: 1_500_000_000 });
  await clerk.users.seed(2_000, { firstCreatedAtMs: lastYearMs, stepMs: 1 });
  await clerk.users.seed(800, { firstCreatedAtMs: lastYearMs + 3_000_000, stepMs: 0 });
  await clerk.users.seed(1_300, { firstCreatedAtMs: lastYearMs + 4_000_000, stepMs: 2 });
}

const isPage = (path: string, parameters: URLSearchParams) =>
  path === "/v1/users" && !parameters.has("user_id") && parameters.get("limit") !== "1";

/** Holds back pages until this many are under way at once. Fewer would never be answered. */
function requirePagesAtOnce(count: number): void {
  let waiting: (() => void)[] = [];
  let isOpen = false;
  proxy.mangle(async ({ path, parameters }) => {
    if (isOpen || !isPage(path, parameters)) return;
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length < count) return;
      isOpen = true;
      for (const answer of waiting) answer();
      waiting = [];
    });
  });
}

const candidatesOf = async (runId: number) =>
  (await stage.db.query("select from rollcall.deletion_candidates where run_id = $1", [runId])).rowCount;

test("several ranges are walked at once, each user is seen once, and none becomes a deletion candidate", async () => {
  const { clerk, db } = stage;
  await signUpUnevenly();
  requirePagesAtOnce(4);
  const reconciler = another();
  const first = await reconciler.complete("full");
  expect(first).toMatchObject({ state: "succeeded", seen: users, total: users, counts: { created: users } });
  expect(await findInequalities(db, clerk)).toEqual([]);
  // Four ranges: each ends on a page that shows users of the next one, and three of them began with a question.
  expect(proxy.listed().length).toBeLessThanOrEqual(users / 500 + 1 + 3 * 2 + 2);
  await clerk.requests.clear();
  const second = await reconciler.complete("full");
  expect(second.counts).toMatchObject({ unchanged: users, updated: 0, deleted: 0, held: 0 });
  const byId = (await clerk.requests.list({ path: "/v1/users" })).filter(({ query }) =>
    query.includes("user_id"),
  );
  expect(byId).toEqual([]);
}, 120_000);

test("users who come and go between the pages are neither missed nor deleted by mistake", async () => {
  const { clerk, db, reconciler } = stage;
  await signUpUnevenly();
  await reconciler.complete("full");
  const people = await clerk.users.list({ limit: users });
  let page = 0;
  proxy.mangle(async ({ path, parameters }) => {
    if (!isPage(path, parameters)) return;
    const at = 380 * page++;
    for (const index of page % 3 === 0 ? [at + 3, at + 200, at + 499] : []) {
      const id = people[index]?.id;
      if (id) await clerk.users.delete(id, { silent: true });
    }
    await clerk.users.create({ firstName: "Late" }, { silent: true });
    const createdAtMs = 1_350_000_000_000 + page;
    const imported = await clerk.users.create({ createdAtMs }, { silent: true });
    await clerk.users.update(imported.id, { firstName: "Imported" }, { silent: true });
  });
  const run = await another().complete("full");
  proxy.mangle(undefined);
  expect(["succeeded", "held"]).toContain(run.state);
  await reconciler.complete("catch-up");
  // The deletions behind a page are found by the next full sync.
  const gone = /is absent at Clerk and has a live row$/;
  expect((await findInequalities(db, clerk)).filter((text) => !gone.test(text))).toEqual([]);
  const wrong = await db.query("select clerk_id from users where deleted_at is not null");
  const present = new Set((await clerk.users.list({ limit: 2 * users })).map(({ id }) => id));
  expect(wrong.rows.filter(({ clerk_id }) => present.has(clerk_id))).toEqual([]);
}, 120_000);

test("the absent users of every range are found and deleted", async () => {
  const { clerk, db, reconciler } = stage;
  await signUpUnevenly();
  await reconciler.complete("full");
  const people = await clerk.users.list({ limit: users });
  const absent = [3, 199, 200, 950, 2_199, 2_200, 2_500, 2_999, 3_000, 3_650, 4_299].flatMap(
    (index) => people[index]?.id ?? [],
  );
  for (const id of absent) await clerk.users.delete(id, { silent: true });
  const dry = await reconciler.complete("full", { dryRun: true });
  const real = await reconciler.complete("full");
  expect(real).toMatchObject({
    state: "succeeded",
    counts: { deleted: absent.length, unchanged: users - absent.length },
  });
  expect(dry.counts).toEqual(real.counts);
  expect(await findInequalities(db, clerk)).toEqual([]);
}, 120_000);

describe("a run that is resumed", () => {
  test("after each page, by processes that walk another number of ranges, counts each user once", async () => {
    const { clerk, db } = stage;
    await signUpUnevenly();
    let pages = 0;
    for (const concurrency of [4, 1, 16, 2, 5, 3]) {
      const stop = new AbortController();
      const wanted = pages + 1;
      const result = await another({ concurrency }).run("full", {
        signal: stop.signal,
        onProgress: (run) => {
          pages = run.pages;
          if (run.pages >= wanted) stop.abort();
        },
      });
      expect(result.kind).toBe("interrupted");
    }
    const run = await another({ concurrency: 3 }).complete("full");
    expect(run).toMatchObject({ id: 1, state: "succeeded", seen: users, counts: { failed: 0 } });
    // A page that was written and not stored is compared again.
    expect(run.counts.created + run.counts.unchanged).toBe(users);
    expect(await findInequalities(db, clerk)).toEqual([]);
  }, 120_000);

  test("and that an earlier release began with one cursor goes on at that cursor", async () => {
    const { clerk, db } = stage;
    await signUpUnevenly();
    const stop = new AbortController();
    await another({ concurrency: 1 }).run("full", {
      signal: stop.signal,
      onProgress: ({ pages }) => pages === 2 && stop.abort(),
    });
    const begun = await findRun(db, 1);
    await db.query(
      "update rollcall.runs set checkpoint = checkpoint - 'ranges' || jsonb_build_object('position', checkpoint #> '{ranges,0,position}')",
    );
    expect(begun?.pages).toBe(2);
    const before = proxy.listed().length;
    const run = await another().complete("full");
    expect(run).toMatchObject({ state: "succeeded", seen: users, counts: { created: users } });
    expect(proxy.listed().length - before).toBeLessThan((users - 500 * (begun?.pages ?? 0)) / 500 + 12);
    expect(await findInequalities(db, clerk)).toEqual([]);
  }, 120_000);

  test("drops the cache keys of the pages that were half done in every range", async () => {
    const { clerk } = stage;
    await signUpUnevenly();
    await stage.reconciler.complete("full");
    const invalidated = new Set<string>();
    const sessionCache = {
      ...noSessionCache,
      invalidate: async (clerkIds: readonly string[]) => {
        for (const id of clerkIds) invalidated.add(id);
      },
    };
    const ids = (await clerk.users.list({ limit: users })).map(({ id }) => id);
    // Every page differs, so every page has keys to drop.
    await stage.db.query(
      "update users set name = 'Spoilt', clerk_updated_at = clerk_updated_at - interval '1 s'",
    );
    const { context } = another({ sessionCache });
    const { run } = await requestRun(context, { mode: "full", dryRun: false }, { program: "test" });
    const stop = new AbortController();
    await followRun(context, run.id, {
      signal: stop.signal,
      // The other pages that are written now are not stored any more, and their keys are not dropped.
      onProgress: ({ pages }) => pages >= 3 && stop.abort(),
    });
    expect((await followRun(another({ sessionCache }).context, run.id)).state).toBe("succeeded");
    expect(ids.filter((id) => !invalidated.has(id))).toEqual([]);
  }, 120_000);
});

test("a holder that slept through its lease stores no page of any range", async () => {
  await signUpUnevenly();
  let pagesThen: number | undefined;
  proxy.mangle(async ({ parameters }) => {
    if (!parameters.has("starting_after") || pagesThen !== undefined) return;
    pagesThen = -1;
    await stage.db.query("update rollcall.leases set expires_at = now() - interval '1 second'");
    await acquireLease(stage.db, "full", 600_000);
    pagesThen = (await findRun(stage.db, 1))?.pages;
  });
  expect((await another({ leaseMs: 600_000 }).run("full")).kind).toBe("interrupted");
  expect(pagesThen).toBeGreaterThanOrEqual(0);
  expect((await findRun(stage.db, 1))?.pages).toBe(pagesThen);
}, 120_000);

test("cancelling stops all ranges, and leaves no deletion candidates", async () => {
  const { clerk, db, reconciler } = stage;
  await signUpUnevenly();
  await reconciler.complete("full");
  for (const { id } of (await clerk.users.list({ limit: 3 })).slice(0, 3))
    await clerk.users.delete(id, { silent: true });
  let answered = 0;
  proxy.mangle(async ({ path, parameters }) => {
    if (!isPage(path, parameters) || ++answered < 5) return;
    if (answered === 5) await cancelRun(reconciler.context, 2, "ops");
    // Longer than a beat.
    await sleep(1_500);
  });
  const run = await another({ leaseMs: 3_000, timeoutMs: 20_000 }).complete("full");
  expect(run).toMatchObject({ state: "cancelled", reason: "Cancelled by ops", counts: { deleted: 0 } });
  expect(run.seen).toBeLessThan(users);
  expect(await candidatesOf(2)).toBe(0);
  expect((await db.query("select from users where deleted_at is not null")).rowCount).toBe(0);
}, 120_000);

test("a full sync over several ranges fails, and deletes no user, when Clerk answers one range badly", async () => {
  const { clerk, reconciler } = stage;
  await signUpUnevenly();
  await reconciler.complete("full");
  for (const { id } of (await clerk.users.list({ limit: 2 })).slice(0, 2))
    await clerk.users.delete(id, { silent: true });
  const isOfFirstRange = (answer: unknown) =>
    Array.isArray(answer) && answer.length === 500 && answer[0].created_at < 1_700_000_000_000;
  for (const [errorCode, change] of [
    ["reconcile.list_incomplete", (page: unknown[]) => page.slice(0, 480)],
    ["reconcile.list_repeated", (page: unknown[]) => page.toReversed()],
    ["clerk.unavailable", () => 500],
  ] as const) {
    proxy.mangle(({ path, parameters }, answer) =>
      isPage(path, parameters) && isOfFirstRange(answer) ? change(answer as unknown[]) : undefined,
    );
    const run = await another({ retryForMs: 700 }).complete("full");
    expect(run).toMatchObject({ state: "failed", errorCode, counts: { deleted: 0, held: 0 } });
    expect(await candidatesOf(run.id)).toBe(0);
  }
}, 120_000);

test("a pause that Clerk asked for holds for all ranges: no request is taken from the budget meanwhile", async () => {
  const { context } = stage.reconciler;
  const stop = new AbortController();
  const gate = createRequestGate(context, stop.signal);
  await gate.pass();
  gate.pause(600_000);
  const passes = [gate.pass(), gate.pass(), gate.pass()].map((pass) =>
    pass.then(
      () => "passed",
      () => "stopped",
    ),
  );
  await stage.db.query("select 1");
  stop.abort();
  expect(await Promise.all(passes)).toEqual(["stopped", "stopped", "stopped"]);
  expect((await stage.db.query("select from rollcall.clerk_requests")).rowCount).toBe(1);
});
