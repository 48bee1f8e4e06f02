import type { RunView } from "@rollcall/contracts";
import { readRunAges, requestDueFullSync } from "@rollcall/db";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Mangle, type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let proxy: ManglingProxy;
let proxied: Reconciler;

const users = 1_100;
const retryForMs = 700;

// Two users are gone, few enough for the guard: a full sync that does not fail would delete them.
beforeAll(async () => {
  stage = await openStage({ retryForMs });
  proxy = await startManglingProxy(stage.clerk);
  proxied = createReconciler(stage.databaseUrl, stage.clerk, { apiUrl: proxy.url, retryForMs });
  await stage.clerk.users.seed(users);
  await proxied.complete("full");
  await stage.clerk.users.seed(2);
  for (const person of (await stage.clerk.users.list()).slice(5, 7)) {
    await stage.clerk.users.delete(person.id, { silent: true });
  }
});
afterEach(async () => {
  proxy.mangle(undefined);
  await stage.clerk.faults.heal();
});
afterAll(async () => {
  await Promise.all([proxied.close(), proxy.close(), stage.close()]);
});

async function readAge(): Promise<number> {
  return (await readRunAges(stage.db)).find(({ mode }) => mode === "full")?.seconds ?? 0;
}

/** Runs a full sync that cannot succeed. */
async function failingFullSync(reconciler = proxied): Promise<RunView> {
  await stage.db.query("update rollcall.runs set finished_at = finished_at - interval '1 hour'");
  const ageBefore = await readAge();
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "failed", counts: { deleted: 0, held: 0 } });
  expect(await readAge()).toBeGreaterThan(ageBefore);
  const rows = await stage.db.query(
    `select (select count(*)::int from users where deleted_at is not null) as deleted,
            (select count(*)::int from rollcall.held_deletions) as held,
            (select count(*)::int from rollcall.deletion_candidates) as candidates`,
  );
  expect(rows.rows).toEqual([{ deleted: 0, held: 0, candidates: 0 }]);
  return run;
}

const isPage: (path: string, parameters: URLSearchParams) => boolean = (path, parameters) =>
  path === "/v1/users" && !parameters.has("user_id");

/** Changes pages only, from the `from`th page of this full sync on. */
function pages(from: number, change: (page: unknown[], parameters: URLSearchParams) => unknown): Mangle {
  const before = proxy.listed().length;
  return ({ path, parameters }, answer) => {
    if (!isPage(path, parameters) || proxy.listed().length - before < from) return undefined;
    return change(answer as unknown[], parameters);
  };
}

describe("a full sync fails with a reason and deletes no user when Clerk", () => {
  test("answers an empty list", async () => {
    proxy.mangle(pages(1, () => []));
    expect(await failingFullSync()).toMatchObject({
      errorCode: "reconcile.list_empty",
      reason: "Clerk listed no users, and there are users here",
    });
  });

  test("answers an empty list and counts no users, as for another instance's key", async () => {
    proxy.mangle(({ path }) => (path === "/v1/users/count" ? { object: "total_count", total_count: 0 } : []));
    expect(await failingFullSync()).toMatchObject({ errorCode: "reconcile.list_empty" });
  });

  test("answers an empty list in the middle", async () => {
    proxy.mangle(pages(2, () => []));
    expect(await failingFullSync()).toMatchObject({
      errorCode: "reconcile.list_incomplete",
      reason: `Clerk's list ended after 500 of ${users} users`,
    });
  });

  test("cuts a page off", async () => {
    proxy.mangle(pages(2, (page) => page.slice(0, 480)));
    expect(await failingFullSync()).toMatchObject({ errorCode: "reconcile.list_incomplete" });
  });

  test("answers ten users where 500 were asked for", async () => {
    proxy.mangle(pages(1, (page) => page.slice(0, 10)));
    expect(await failingFullSync()).toMatchObject({ errorCode: "reconcile.list_incomplete" });
  });

  test("repeats a page for every request", async () => {
    let first: unknown;
    proxy.mangle(
      pages(1, (page) => {
        first ??= page;
        return first;
      }),
    );
    expect(await failingFullSync()).toMatchObject({ errorCode: "reconcile.list_repeated" });
  });

  test("answers a page out of order", async () => {
    proxy.mangle(pages(2, (page) => page.toReversed()));
    expect(await failingFullSync()).toMatchObject({ errorCode: "reconcile.list_repeated" });
  });

  test("answers an error body with status 200", async () => {
    proxy.mangle(pages(2, () => ({ errors: [{ code: "internal_clerk_error" }] })));
    expect(await failingFullSync()).toMatchObject({
      errorCode: "clerk.unreadable",
      reason: "Clerk's user list is not an array",
    });
  });

  test.each([
    [401, "clerk.unauthorized"],
    [403, "clerk.unauthorized"],
    [404, "clerk.unreadable"],
    [400, "clerk.unreadable"],
    [500, "clerk.unavailable"],
    [503, "clerk.unavailable"],
    [429, "clerk.rate_limited"],
  ] as const)("answers %i to every page, for longer than a run retries", async (status, errorCode) => {
    proxy.mangle(pages(1, () => status));
    const run = await failingFullSync();
    expect(run.errorCode).toBe(errorCode);
    expect(run.reason).toContain("Clerk");
  });

  test("answers nothing, for longer than a run retries", async () => {
    await stage.clerk.faults.add({ kind: "hang", path: "/v1/users" });
    const shortTimeout = createReconciler(stage.databaseUrl, stage.clerk, { timeoutMs: 300, retryForMs });
    const run = await failingFullSync(shortTimeout);
    expect(run.errorCode).toBe("clerk.unavailable");
    expect(run.reason).toBe("Clerk did not answer within 300 ms");
    await shortTimeout.close();
  });

  test.each(["reset", "truncated", "malformed"] as const)("sends broken answers: %s", async (kind) => {
    await stage.clerk.faults.add({ kind, path: "/v1/users" });
    expect((await failingFullSync(stage.reconciler)).errorCode).toMatch(/^clerk\.un(available|readable)$/);
  });

  test("leaves existing users out of its answers by id", async () => {
    proxy.mangle(({ parameters }) => (parameters.has("user_id") ? [] : undefined));
    expect(await failingFullSync()).toMatchObject({
      errorCode: "reconcile.unconfirmed",
      reason: "Clerk's answers by id lack users that exist",
    });
  });

  test("refuses the request by id", async () => {
    proxy.mangle(({ parameters }) => (parameters.has("user_id") ? 403 : undefined));
    expect(await failingFullSync()).toMatchObject({ errorCode: "clerk.unauthorized" });
  });
});

test("a failed full sync is retried after half an hour and not before; a cancelled one is not retried", async () => {
  const { db } = stage;
  proxy.mangle(pages(1, () => []));
  await failingFullSync();
  const halfAnHour = 30 * 60_000;
  expect(await requestDueFullSync(db, halfAnHour)).toBe(false);
  await db.query("update rollcall.runs set finished_at = finished_at - interval '31 minutes'");
  expect(await requestDueFullSync(db, halfAnHour)).toBe(true);
  expect(await requestDueFullSync(db, halfAnHour)).toBe(false);
  await db.query(
    "update rollcall.runs set state = 'cancelled', finished_at = now() - interval '1 day' where state = 'waiting'",
  );
  expect(await requestDueFullSync(db, halfAnHour)).toBe(false);
});

test("a page that lacks an existing user fails the full sync, or the request by id corrects it", async () => {
  proxy.mangle(pages(2, (page) => page.toSpliced(3, 1)));
  expect(await failingFullSync()).toMatchObject({ errorCode: "reconcile.list_incomplete" });
  // Another user is in the place of the missing one, so the count agrees.
  proxy.mangle(pages(1, (page) => page.toSpliced(3, 1, { ...Object(page[3]), id: "user_other" })));
  const run = await proxied.complete("full", { dryRun: true });
  expect(run).toMatchObject({ state: "succeeded", counts: { deleted: 2 } });
  proxy.mangle(undefined);
  expect(await proxied.complete("full")).toMatchObject({
    state: "succeeded",
    counts: { deleted: 2, held: 0 },
  });
});

test("failures that pass fail no run: 429 with Retry-After, 500s, and broken connections", async () => {
  const retrying = createReconciler(stage.databaseUrl, stage.clerk, { retryForMs: 30_000 });
  await stage.clerk.faults.add({ kind: "rate-limit", retryAfterS: 1, times: 1 });
  await stage.clerk.faults.add({ kind: "status", status: 500, times: 1 });
  await stage.clerk.faults.add({ kind: "reset", times: 1 });
  await stage.clerk.faults.add({ kind: "truncated", times: 1 });
  await stage.clerk.faults.add({ kind: "malformed", times: 1 });
  const run = await retrying.complete("full");
  expect(run).toMatchObject({ state: "succeeded", counts: { unchanged: users } });
  await retrying.close();
});
