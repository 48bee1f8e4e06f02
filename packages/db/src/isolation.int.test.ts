import { afterAll, beforeAll, expect, test } from "vitest";
import { takeClerkRequest } from "./clerk-budget.ts";
import { tombstoneAbsent } from "./deletions.ts";
import { migrateUp } from "./migrate/migrate.ts";
import type { Pool } from "./pool.ts";
import { createEmptyPool } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createEmptyPool();
  await pool.query(
    "do $$ begin execute format('alter database %I set default_transaction_isolation = ''repeatable read''', current_database()); end $$",
  );
  await migrateUp(pool);
  // Connections keep the default of the time at which they were opened.
  await Promise.all(Array.from({ length: 10 }, () => endSession()));
  expect((await pool.query("show transaction_isolation")).rows).toEqual([
    { transaction_isolation: "repeatable read" },
  ]);
});
afterAll(() => pool.end());

async function endSession(): Promise<void> {
  (await pool.connect()).release(true);
}

test("with a stricter default isolation, concurrent deletions by absence stay within the day's limit", async () => {
  await pool.query("insert into users (clerk_id) select 'user_' || n from generate_series(1, 100) n");
  const deleteAbsent = (n: number) =>
    inTransaction(pool, (client) =>
      tombstoneAbsent(client, { clerkId: `user_${n}`, cause: "webhook", ref: null }),
    );
  const outcomes = await Promise.all(Array.from({ length: 9 }, (_, index) => deleteAbsent(index + 1)));
  expect(outcomes.toSorted()).toEqual([...Array(4).fill("held"), ...Array(5).fill("tombstoned")]);
});

test("with a stricter default isolation, concurrent requests to Clerk stay within the window's limit", async () => {
  const budget = { requests: 3, windowMs: 60_000 };
  const waits = await Promise.all(Array.from({ length: 10 }, () => takeClerkRequest(pool, budget)));
  expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(3);
});
