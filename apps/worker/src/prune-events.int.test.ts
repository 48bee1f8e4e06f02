import { createPool, migrateUp, type Pool, requestRun } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { pruneOldEvents } from "./prune-events.ts";

let pool: Pool;
const open = new AbortController().signal;

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
  await migrateUp(pool);
});
beforeEach(async () => {
  await pool.query("truncate rollcall.events");
  await pool.query(`
    insert into rollcall.events (clerk_id, kind, cause, at)
    select 'user_' || i, 'user_updated', 'webhook', now() - interval '100 days' + i * interval '1 millisecond'
    from generate_series(1, 12000) i
    union all
    select 'user_new', 'user_updated', 'webhook', now() - interval '89 days'`);
});
afterAll(() => pool.end());

const countEvents = async () => {
  const { rows } = await pool.query<{ count: number }>("select count(*)::int as count from rollcall.events");
  return rows[0]?.count;
};

test("one turn deletes every event that is due, and no other", async () => {
  await pruneOldEvents(pool, open);
  expect(await countEvents()).toBe(1);
});

test("two workers share the work", async () => {
  await Promise.all([pruneOldEvents(pool, open), pruneOldEvents(pool, open)]);
  await pruneOldEvents(pool, open);
  expect(await countEvents()).toBe(1);
});

test("a process that ends stops after its statement", async () => {
  await pruneOldEvents(pool, AbortSignal.abort());
  expect(await countEvents()).toBe(7_001);
});

test("while a full sync is open, a turn is one statement", async () => {
  await requestRun(pool, { mode: "full", dryRun: false, startedBy: "test" });
  await pruneOldEvents(pool, open);
  expect(await countEvents()).toBe(7_001);
});
