import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestWorker, type TestWorker } from "../testing/workers.ts";
import { syncUser } from "./sync-user.ts";

let clerk: ClerkSimulator;
let app: Pool;
let worker: TestWorker;
let slowWorker: TestWorker;

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  app = createPool({
    databaseUrl,
    applicationName: "app",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(app);
  clerk = await startClerkSimulator({ rateLimit: null });
  worker = createTestWorker(databaseUrl, clerk);
  slowWorker = createTestWorker(databaseUrl, clerk);
});
afterAll(async () => {
  await Promise.all([app?.end(), clerk?.stop(), worker?.close(), slowWorker?.close()]);
});

const refresh = (clerkId: string): SyncJob => ({
  v: 1,
  kind: "refresh",
  clerkId,
  cause: "webhook",
  eventAtMs: 0,
});

test("an absence that was read before the sign-up never deletes the user, although the row exists when the job decides", async () => {
  const held = slowWorker.holdNext("after");
  const early = syncUser(slowWorker.context, refresh("user_early"), 1);
  await held.arrived;
  await clerk.users.create({ id: "user_early" });
  expect(await syncUser(worker.context, refresh("user_early"), 1)).toBe("created");
  held.release();
  expect(await early).toBe("kept");
});

test("an absence never deletes a user whose row was written by an earlier request that was answered later", async () => {
  const heldRequest = worker.holdNext("before");
  const first = syncUser(worker.context, refresh("user_lagging"), 1);
  await heldRequest.arrived;
  const heldAnswer = slowWorker.holdNext("after");
  const second = syncUser(slowWorker.context, refresh("user_lagging"), 1);
  await heldAnswer.arrived;
  await clerk.users.create({ id: "user_lagging" });
  heldRequest.release();
  expect(await first).toBe("created");
  heldAnswer.release();
  expect(await second).toBe("kept");
});

test("a user that is absent at Clerk is deleted after the second read, also without a signed event", async () => {
  await clerk.users.create({ id: "user_gone" });
  await syncUser(worker.context, refresh("user_gone"), 1);
  await clerk.users.delete("user_gone", { silent: true });
  expect(await syncUser(worker.context, refresh("user_gone"), 1)).toBe("tombstoned");
});

test.each(["delete", "refresh"] as const)(
  "a %s of an absent user whose row the app keeps locked fails only that user",
  async (kind) => {
    const clerkId = `user_locked_${kind}`;
    await clerk.users.create({ id: clerkId });
    await syncUser(worker.context, refresh(clerkId), 1);
    await clerk.users.delete(clerkId, { silent: true });
    const client = await app.connect();
    await client.query("begin");
    await client.query("select from users where clerk_id = $1 for update", [clerkId]);
    const syncJob: SyncJob = { ...refresh(clerkId), kind };
    const failed = syncUser(worker.context, syncJob, 1);
    await expect(failed).rejects.toMatchObject({ code: "user.rejected", sqlState: "55P03" });
    await client.query("rollback");
    client.release();
    expect(await syncUser(worker.context, syncJob, 2)).toBe("tombstoned");
  },
);
