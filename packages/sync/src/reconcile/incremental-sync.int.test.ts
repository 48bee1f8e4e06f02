import { listRuns, readCatchUp } from "@rollcall/db";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cancelRun } from "./request-run.ts";
import { findInequalities } from "./testing/clerk-equality.ts";
import { type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let proxy: ManglingProxy;
let proxied: Reconciler;

beforeEach(async () => {
  stage = await openStage();
  proxy = await startManglingProxy(stage.clerk);
  proxied = createReconciler(stage.databaseUrl, stage.clerk, { apiUrl: proxy.url });
});
afterEach(async () => {
  await Promise.all([proxied.close(), proxy.close(), stage.close()]);
});

const readWatermark = async () => (await readCatchUp(stage.db)).watermarkMs;
const listFullSyncs = async () =>
  (await listRuns(stage.db, { mode: "full", beforeId: undefined, limit: 10 })).map(
    ({ startedBy }) => startedBy,
  );

/** The observed lags: all of them, and those within `s` seconds. */
async function readLags(s: number): Promise<{ all: number; within: number }> {
  const totals = await proxied.context.metrics.readTotals();
  const read = (le: string) =>
    totals.find(({ metric, labels }) => metric === "rollcall_sync_lag_seconds_bucket" && labels["le"] === le)
      ?.value ?? Number.NaN;
  return { all: read("+Inf"), within: read(String(s)) };
}

/** Makes users at Clerk and their rows here. @returns the watermark */
async function catchUpWith(users: number): Promise<number | null> {
  await stage.clerk.users.seed(users);
  await proxied.complete("full");
  await proxied.complete("catch-up");
  return readWatermark();
}

test("the first pass reads one page and takes the watermark from it", async () => {
  const { clerk } = stage;
  await clerk.users.seed(1_400);
  const run = await proxied.complete("catch-up");
  expect(run).toMatchObject({ state: "succeeded", pages: 1, counts: { created: 500 } });
  const newest = (await clerk.users.list({ offset: 1_399, limit: 1 }))[0]?.updated_at;
  expect(await readWatermark()).toBe(newest);
});

test("creations and updates are found without any webhook, and the changes that webhooks missed are counted", async () => {
  const { clerk, db } = stage;
  await catchUpWith(700);
  const users = await clerk.users.list({ limit: 700 });
  for (const { id } of users.slice(0, 5))
    await clerk.users.update(id, { lastName: "Changed" }, { silent: true });
  await clerk.users.create({ createdAtMs: Date.now() - 60_000 }, { silent: true });
  const run = await proxied.complete("catch-up");
  // The five changes are seconds old, so their webhooks may still arrive.
  expect(run).toMatchObject({ counts: { created: 1, updated: 5 }, missed: 1 });
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("the lag is observed for each change since the last pass, and not for rows that differ for another reason", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(3, { firstCreatedAtMs: Date.now() - 3_600_000 });
  await proxied.complete("catch-up");
  // These users signed up before the installation.
  expect(await readLags(90)).toEqual({ all: 0, within: 0 });
  const [old, changed] = await clerk.users.list({ limit: 2 });
  await db.query("update rollcall.catch_up set watermark_ms = $1", [Date.now() - 200_000]);
  await db.query("delete from mentorados where user_id = (select id from users where clerk_id = $1)", [
    old?.id,
  ]);
  await clerk.users.update(changed?.id ?? "", { lastName: "Changed" }, { silent: true });
  await clerk.users.create({ createdAtMs: Date.now() - 150_000 }, { silent: true });
  const { counts } = await proxied.complete("catch-up");
  expect(counts).toMatchObject({ created: 2, updated: 1 });
  expect(await readLags(90)).toEqual({ all: 2, within: 1 });
  await proxied.complete("catch-up");
  expect(await readLags(90)).toEqual({ all: 2, within: 1 });
});

test("it reads down to the watermark minus five minutes, inclusive, over pages that overlap", async () => {
  const { clerk, db } = stage;
  const now = Date.now();
  await clerk.users.seed(1_300, { firstCreatedAtMs: now - 3_600_000, stepMs: 1 });
  await proxied.complete("full");
  await proxied.complete("catch-up");
  const users = await clerk.users.list({ limit: 1_300 });
  const edge = (await readWatermark()) ?? 0;
  // A change that Clerk shows late, five minutes before the watermark; and 1,200 newer ones before it.
  const late = users[0]?.id ?? "";
  await db.query("update rollcall.catch_up set watermark_ms = $1", [edge + 5 * 60_000]);
  await db.query("update users set name = 'Stale', clerk_updated_at = '2001-01-01' where clerk_id = $1", [
    late,
  ]);
  const before = proxy.listed().length;
  await db.query("update rollcall.catch_up set watermark_ms = $1", [
    (users[0]?.updated_at ?? 0) + 5 * 60_000,
  ]);
  const run = await proxied.complete("catch-up");
  expect(run).toMatchObject({ state: "succeeded", counts: { updated: 1 } });
  expect(
    proxy
      .listed()
      .slice(before)
      .map((query) => query.get("offset")),
  ).toEqual(["0", "450", "900"]);
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("no user is missed when users are deleted between two pages", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(900, { firstCreatedAtMs: Date.now() - 1_000, stepMs: 1 });
  await proxied.complete("catch-up");
  await db.query("delete from mentorados; ");
  await db.query("delete from users");
  const newest = (await clerk.users.list({ limit: 900 })).toReversed();
  let page = 0;
  proxy.mangle(async ({ path }) => {
    if (path !== "/v1/users" || page++ > 0) return;
    for (const { id } of newest.slice(0, 40)) await clerk.users.delete(id, { silent: true });
  });
  await proxied.complete("catch-up");
  const rows = await db.query("select count(*)::int as count from users where clerk_id = any ($1)", [
    newest.slice(40).map(({ id }) => id),
  ]);
  expect(rows.rows).toEqual([{ count: 860 }]);
});

test("a failed pass moves no watermark, and the next pass finds its changes", async () => {
  const { clerk, db } = stage;
  const watermark = await catchUpWith(20);
  const user = await clerk.users.create({}, { silent: true });
  proxy.mangle(({ path }) => (path === "/v1/users/count" ? 403 : undefined));
  expect(await proxied.complete("catch-up")).toMatchObject({
    state: "failed",
    errorCode: "clerk.unauthorized",
  });
  expect(await readWatermark()).toBe(watermark);
  proxy.mangle(undefined);
  expect(await proxied.complete("catch-up")).toMatchObject({ state: "succeeded" });
  expect(await readWatermark()).toBe(user.updated_at);
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("a list that Clerk cut short fails the pass, and the watermark does not move", async () => {
  const { clerk, db } = stage;
  const watermark = await catchUpWith(20);
  await clerk.users.create({}, { silent: true });
  await clerk.faults.add({ kind: "short-list" });
  expect(await proxied.complete("catch-up")).toMatchObject({
    state: "failed",
    errorCode: "reconcile.list_incomplete",
  });
  expect(await readWatermark()).toBe(watermark);
  await clerk.faults.heal();
  await proxied.complete("catch-up");
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("the watermark is never ahead of rows that are not written", async () => {
  const { clerk, db } = stage;
  const watermark = await catchUpWith(20);
  const user = await clerk.users.create({}, { silent: true });
  // The write fails for every user, as in an outage.
  await db.query("alter table rollcall.held_deletions rename to away");
  expect((await proxied.run("catch-up")).kind).toBe("interrupted");
  expect(await readWatermark()).toBe(watermark);
  await db.query("alter table rollcall.away rename to held_deletions");
  await proxied.complete("catch-up");
  expect(await readWatermark()).toBe(user.updated_at);
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("while the changes of a minute are more than half of what a pass reads, the next pass does not wait for its time", async () => {
  const { clerk, db } = stage;
  const newest = Date.now();
  await clerk.users.seed(500, { firstCreatedAtMs: newest - 4_990, stepMs: 10 });
  const waiting = async (spanMs: number) => {
    await db.query("update rollcall.catch_up set watermark_ms = $1", [newest - spanMs]);
    await proxied.complete("catch-up");
    const runs = await listRuns(stage.db, { mode: "catch-up", beforeId: undefined, limit: 10 });
    return runs.flatMap(({ state, startedBy }) => (state === "waiting" ? [startedBy] : []));
  };
  // 100 a second, and then 50.
  expect(await waiting(5_000)).toEqual(["catch-up"]);
  expect(await waiting(10_000)).toEqual([]);
});

describe("a full sync is requested", () => {
  test("once by more than twenty pages of changes: passes until its end read the changes since then, and its end covers them", async () => {
    const { clerk, db } = stage;
    const now = Date.now();
    const long = now - 1_000_000;
    await clerk.users.seed(9_400, { firstCreatedAtMs: now - 100_000, stepMs: 10 });
    await db.query("update rollcall.catch_up set watermark_ms = $1", [long]);
    const run = await proxied.complete("catch-up");
    expect(run).toMatchObject({ state: "succeeded", pages: 20 });
    expect(run.reason).toContain("full sync");
    await clerk.users.create({}, { silent: true });
    expect(await proxied.complete("catch-up")).toMatchObject({ reason: null, counts: { created: 1 } });
    // The full sync may still fail. Then the next pass requests another one.
    expect(await readWatermark()).toBe(long);
    const [full] = await listRuns(db, { mode: "full", beforeId: undefined, limit: 1 });
    await cancelRun({ pool: db }, full?.id ?? 0, "ana");
    expect((await proxied.complete("catch-up")).reason).toContain("full sync");
    expect(await listFullSyncs()).toEqual(["catch-up", "catch-up"]);
    const user = await clerk.users.create({}, { silent: true });
    for (const created of [1, 0]) {
      expect(await proxied.complete("catch-up")).toMatchObject({ reason: null, counts: { created } });
      expect(await readWatermark()).toBe(long);
    }
    expect(await proxied.complete("full")).toMatchObject({ state: "succeeded", seen: 9_402 });
    expect(await readWatermark()).toBe(user.updated_at);
    // No change is left that would request another full sync.
    expect(await proxied.complete("catch-up")).toMatchObject({ reason: null });
    expect(await listFullSyncs()).toEqual(["catch-up", "catch-up"]);
  });

  test("by a lasting difference in the number of users, once", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(20);
    await proxied.complete("full");
    const [person] = await clerk.users.list({ limit: 1 });
    await clerk.users.delete(person?.id ?? "", { silent: true });
    for (const fullSyncs of [1, 1, 2]) {
      await proxied.complete("catch-up");
      expect(await listFullSyncs()).toHaveLength(fullSyncs);
    }
    expect(await proxied.complete("full")).toMatchObject({ startedBy: "catch-up", counts: { deleted: 1 } });
    expect(await findInequalities(db, clerk)).toEqual([]);
    // A difference that no full sync repairs: Postgres refuses the row of a user.
    await db.query("alter table users add constraint no_new_rows check (id <= 20)");
    await clerk.users.create({}, { silent: true });
    for (let pass = 0; pass < 4; pass++) await proxied.complete("catch-up");
    expect(await proxied.complete("full")).toMatchObject({ startedBy: "catch-up", counts: { failed: 1 } });
    for (let pass = 0; pass < 4; pass++) {
      expect(await proxied.complete("catch-up")).toMatchObject({ counts: { failed: 1 }, missed: 0 });
    }
    expect(await listFullSyncs()).toHaveLength(3);
  });

  test("by a lasting difference that only passes with a count compare", async () => {
    const { clerk, db } = stage;
    await catchUpWith(20);
    await clerk.users.delete((await clerk.users.list({ limit: 1 }))[0]?.id ?? "", { silent: true });
    await proxied.complete("catch-up");
    // A count that takes a second and a half is not due for half a minute.
    await db.query("update rollcall.user_counts set took_ms = 1500, counted_at = now()");
    for (const _ of [1, 2, 3]) await proxied.complete("catch-up");
    expect(await listFullSyncs()).toHaveLength(1);
    await db.query("update rollcall.user_counts set took_ms = 1");
    for (const _ of [1, 2]) await proxied.complete("catch-up");
    expect(await listFullSyncs()).toEqual(["catch-up", expect.anything()]);
  });

  test("not by a difference that equals the held deletions", async () => {
    const { clerk } = stage;
    await clerk.users.seed(20);
    await proxied.complete("full");
    for (const { id } of await clerk.users.list({ limit: 7 })) await clerk.users.delete(id, { silent: true });
    expect(await proxied.complete("full")).toMatchObject({ state: "held" });
    for (let pass = 0; pass < 5; pass++) await proxied.complete("catch-up");
    expect(await listFullSyncs()).toHaveLength(2);
  });
});

test("an empty list while there are users here fails the pass", async () => {
  await stage.clerk.users.seed(20);
  await proxied.complete("full");
  proxy.mangle(({ path }) => (path === "/v1/users" ? [] : undefined));
  expect(await proxied.complete("catch-up")).toMatchObject({
    state: "failed",
    errorCode: "reconcile.list_empty",
  });
});

test("a time stamp in the future does not hide later changes", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(1_200);
  await proxied.complete("full");
  await clerk.users.create({ createdAtMs: Date.now() + 86_400_000 }, { silent: true });
  await proxied.complete("catch-up");
  // More than one page of them.
  const users = await clerk.users.list({ limit: 700 });
  for (const { id } of users) await clerk.users.update(id, { lastName: "Changed" }, { silent: true });
  await proxied.complete("catch-up");
  expect(await findInequalities(db, clerk)).toEqual([]);
});
