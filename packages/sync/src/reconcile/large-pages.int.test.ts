import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestWorker } from "../testing/workers.ts";
import { syncUser } from "../user/sync-user.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let reconciler: Reconciler;

beforeEach(async () => {
  stage = await openStage();
  // Megabytes take their time on a busy machine.
  reconciler = createReconciler(stage.databaseUrl, stage.clerk, { timeoutMs: 30_000 });
});
afterEach(async () => {
  await reconciler.close();
  await stage.close();
});

/** What Clerk allows: 8 KB of each kind. */
const full = { note: "x".repeat(7_900) };
const metadata = { publicMetadata: full, privateMetadata: full, unsafeMetadata: full };
/** Over 10 MB alone, in a field that Rollcall does not use. */
const huge = { unsafe_metadata: { note: "x".repeat(11_000_000) } };

async function signUp(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `user_full${index}`);
  const startMs = Date.now() - 3_600_000;
  for (const [index, id] of ids.entries()) {
    await stage.clerk.users.create({ id, createdAtMs: startMs + index * 1_000, ...metadata });
  }
  return ids;
}

const countRows = async () =>
  (await stage.db.query("select count(*)::int as count from users where deleted_at is null")).rows[0]?.[
    "count"
  ];

test("620 users with full metadata are all written by a full sync, and a second one finds no difference", async () => {
  await signUp(620);
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "succeeded", seen: 620, counts: { created: 620, failed: 0 } });
  expect(await countRows()).toBe(620);
  const second = await reconciler.complete("full");
  expect(second).toMatchObject({ state: "succeeded", counts: { unchanged: 620, updated: 0, deleted: 0 } });
}, 120_000);

test("the incremental sync reads the changes of 620 users with full metadata", async () => {
  const ids = await signUp(620);
  await reconciler.complete("full");
  await reconciler.complete("catch-up");
  for (const id of ids) await stage.clerk.users.update(id, { firstName: "Changed" }, { silent: true });
  expect(await reconciler.complete("catch-up")).toMatchObject({
    state: "succeeded",
    counts: { updated: 620 },
  });
}, 120_000);

test("deletions of users with full metadata are confirmed by ids", async () => {
  const ids = await signUp(510);
  await reconciler.complete("full");
  for (const id of ids.slice(0, 2)) await stage.clerk.users.delete(id, { silent: true });
  expect(await reconciler.complete("full")).toMatchObject({ state: "succeeded", counts: { deleted: 2 } });
}, 120_000);

test("a single user over 10 MB fails alone, in both syncs, and is never deleted", async () => {
  await signUp(30);
  await stage.clerk.users.create({ id: "user_huge", createdAtMs: Date.now() - 3_595_000 });
  await reconciler.complete("full");
  await stage.clerk.users.update("user_huge", { firstName: "Huge", raw: huge });
  await stage.clerk.users.create({ id: "user_after" });
  const caughtUp = await reconciler.complete("catch-up");
  expect(caughtUp).toMatchObject({ state: "succeeded", counts: { created: 1 } });
  await stage.clerk.users.create({ id: "user_later" });
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "succeeded", seen: 33, counts: { created: 1, deleted: 0, held: 0 } });
  expect(run.counts.failed).toBeGreaterThan(0);
  expect(await countRows()).toBe(33);
}, 120_000);

test("a read of 100 by ids that is over 10 MB is asked for in halves, and the user that is too large is named", async () => {
  const ids = [...(await signUp(20)), "user_huge"];
  await stage.clerk.users.create({ id: "user_huge", raw: huge });
  const worker = createTestWorker(stage.databaseUrl, stage.clerk);
  const outcomes = await Promise.allSettled(
    ids.map((clerkId) =>
      syncUser(worker.context, { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: 0 }, 1),
    ),
  );
  expect(outcomes.at(-1)).toMatchObject({ status: "rejected", reason: { code: "clerk.too_large" } });
  expect(new Set(outcomes.slice(0, -1).map(({ status }) => status))).toEqual(new Set(["fulfilled"]));
  await worker.close();
}, 120_000);
