import { takeClerkRequest } from "@rollcall/db";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decideRequestBudget } from "./context.ts";
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

test("all processes together stay inside it in every window, and use it", async () => {
  const { clerk, databaseUrl } = stage;
  await clerk.users.seed(6_000);
  // A request may take a moment from its grant to its arrival: the same margin as in `decideRequestBudget`.
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

test("a place is free again when its window is over, however many want it", async () => {
  // Longer than a busy machine takes to ask ten times.
  const budget = { requests: 3, windowMs: 20_000 };
  const asked = await Promise.all(Array.from({ length: 10 }, () => takeClerkRequest(stage.db, budget)));
  expect(asked.filter((waitMs) => waitMs === 0)).toHaveLength(3);
  expect(Math.max(...asked)).toBeLessThanOrEqual(20_000);
});
