import { takeClerkRequest } from "@rollcall/db";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decideRequestBudget } from "./retrying-clerk.ts";
import { createReconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

test("the budget is a share of Clerk's limit for the key", () => {
  expect(decideRequestBudget("sk_live_x", 0.5).requests).toBe(500);
  expect(decideRequestBudget("sk_test_x", 0.25).requests).toBe(25);
  expect(decideRequestBudget("sk_test_x", 0.001).requests).toBe(1);
});

test("all processes together stay inside the budget in every window, and use it up", async () => {
  const { clerk, databaseUrl } = stage;
  await clerk.users.seed(6_000);
  // A request may arrive later than it was granted: the same margin as in `decideRequestBudget`.
  const clerkWindowMs = 1_000;
  const budget = { requests: 6, windowMs: clerkWindowMs + 1_000 };
  const [one, two] = [budget, budget].map((shared) =>
    createReconciler(databaseUrl, clerk, { budget: shared }),
  );
  await Promise.all([
    one?.complete("full"),
    two?.complete("full", { dryRun: true }),
    two?.complete("catch-up"),
  ]);
  await Promise.all([one?.close(), two?.close()]);
  const times = (await clerk.requests.list()).map(({ atMs }) => atMs);
  expect(times.length).toBeGreaterThan(24);
  const inWindow = times.map((from) => times.filter((at) => at >= from && at < from + clerkWindowMs).length);
  expect(Math.max(...inWindow)).toBeLessThanOrEqual(6);
});

test("a request waits no longer than one window, however many requests wait", async () => {
  // Longer than a busy machine needs for ten queries.
  const budget = { requests: 3, windowMs: 20_000 };
  const waits = await Promise.all(Array.from({ length: 10 }, () => takeClerkRequest(stage.db, budget)));
  expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(3);
  expect(Math.max(...waits)).toBeLessThanOrEqual(20_000);
});
