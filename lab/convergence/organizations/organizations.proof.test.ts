import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { defaultMapping } from "@rollcall/contracts";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { createTestWorker, type TestWorker } from "@rollcall/sync/testing/workers";
import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { history, workersInHistory } from "./history.ts";
import { installRecorder } from "./recorder.ts";
import { runHistory } from "./run-history.ts";

// For more histories, or to repeat a failing one: ROLLCALL_PROPERTY_RUNS=1000 ROLLCALL_PROPERTY_SEED=7 npx vitest …
const runs = Number(process.env["ROLLCALL_PROPERTY_RUNS"] || 30);
const seed = Number(process.env["ROLLCALL_PROPERTY_SEED"] || 20_261_201);
const budgetMs = 120_000 + runs * 2_000;

let clerk: ClerkSimulator;
let app: Pool;
let workers: TestWorker[];
let histories = 0;
let lastMs = 0;

/** Two memberships of a pair are ordered by their creation, which Clerk tells apart by milliseconds. */
const now = () => {
  lastMs = Math.max(lastMs + 1, Date.now());
  return lastMs;
};

beforeAll(async () => {
  const mapping = { ...defaultMapping, organizations: {} };
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  app = createPool({
    databaseUrl,
    mapping,
    applicationName: "app",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(app);
  await installRecorder(app);
  clerk = await startClerkSimulator({ rateLimit: null, seed, now });
  workers = Array.from({ length: workersInHistory }, () => createTestWorker(databaseUrl, clerk, mapping));
});
afterAll(async () => {
  await Promise.all([app?.end(), clerk?.stop(), ...(workers ?? []).map((worker) => worker.close())]);
});

test(
  "after any changes of users, organizations and memberships, with events in any order, rows converge and no membership is wrong",
  async () => {
    const property = fc.asyncProperty(history, (one) =>
      runHistory({ clerk, now, app, workers }, one, ++histories),
    );
    // Ends before the test times out, so that a failure is reported with its seed and the shortest history so far.
    const interruptAfterTimeLimit = budgetMs - 30_000;
    await fc.assert(property, { seed, numRuns: runs, interruptAfterTimeLimit, markInterruptAsFailure: true });
    expect(histories).toBe(runs);
  },
  budgetMs,
);
