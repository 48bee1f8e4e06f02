import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { history, workersInHistory } from "./testing/convergence/history.ts";
import { installRecorder } from "./testing/convergence/recorder.ts";
import { createTestWorker, type TestWorker } from "./testing/convergence/workers.ts";
import { live } from "./testing/convergence/world.ts";

// More histories, or a failing one again: ROLLCALL_PROPERTY_RUNS=1000 ROLLCALL_PROPERTY_SEED=7 npx vitest …
const runs = Number(process.env["ROLLCALL_PROPERTY_RUNS"] || 50);
const seed = Number(process.env["ROLLCALL_PROPERTY_SEED"] || 20_261_121);
const budgetMs = 120_000 + runs * 2_000;

let clerk: ClerkSimulator;
let app: Pool;
let workers: TestWorker[];
let lived = 0;

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  app = createPool({ databaseUrl, applicationName: "app", onIdleError: () => undefined });
  await migrateUp(app);
  await installRecorder(app);
  clerk = await startClerkSimulator({ rateLimit: null, seed });
  workers = Array.from({ length: workersInHistory }, () => createTestWorker(databaseUrl, clerk));
});
afterAll(async () => {
  await Promise.all([app?.end(), clerk?.stop(), ...(workers ?? []).map((worker) => worker.close())]);
});

test(
  "whatever Clerk, the app and the order of events do, the rows converge and nobody gets another's profile",
  async () => {
    const property = fc.asyncProperty(history, (one) => live({ clerk, app, workers }, one, ++lived));
    // Ends before the test would, so that a failure is told with its seed and the shortest history found so far.
    const interruptAfterTimeLimit = budgetMs - 30_000;
    await fc.assert(property, { seed, numRuns: runs, interruptAfterTimeLimit, markInterruptAsFailure: true });
    expect(lived).toBe(runs);
  },
  budgetMs,
);
