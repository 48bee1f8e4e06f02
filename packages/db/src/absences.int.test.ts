import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { mayDeleteAbsent } from "./absences.ts";
import { tombstoneAbsent } from "./deletions.ts";
import type { Pool } from "./pool.ts";
import { createTestPool, emptyTables } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

async function addUsers(users: number): Promise<void> {
  await pool.query(
    "insert into users (clerk_id, created_at) select 'user_' || n, now() - interval '1 day' from generate_series(1, $1::int) n",
    [users],
  );
}

const deleteAbsent = (n: number) =>
  inTransaction(pool, (db) => tombstoneAbsent(db, { clerkId: `user_${n}`, cause: "webhook", ref: null }));

async function deleteOneByOne(from: number, until: number): Promise<number> {
  let deleted = 0;
  for (let n = from; n <= until; n++) if ((await deleteAbsent(n)) === "tombstoned") deleted++;
  return deleted;
}

describe.each([
  [1, 5],
  [1_000, 5],
  [1_010, 5],
  [1_199, 5],
  [1_200, 6],
  [1_600, 8],
  [2_399, 11],
])("of %i users at most %i are deleted in a day", (users, most) => {
  test("one by one", async () => {
    await addUsers(Math.max(users, most + 3));
    expect(await deleteOneByOne(1, most + 3)).toBe(most);
  });

  test("together", async () => {
    await addUsers(users);
    expect(await mayDeleteAbsent(pool, most)).toBe(true);
    expect(await mayDeleteAbsent(pool, most + 1)).toBe(false);
  });

  test("some one by one, and the rest together", async () => {
    await addUsers(Math.max(users, most));
    await deleteOneByOne(1, most - 2);
    expect(await mayDeleteAbsent(pool, 2)).toBe(true);
    expect(await mayDeleteAbsent(pool, 3)).toBe(false);
  });
});

test("users created since the full sync began do not raise the limit, live or deleted", async () => {
  await addUsers(1_195);
  await pool.query("insert into users (clerk_id) select 'user_new' || n from generate_series(1, 10) n");
  await inTransaction(pool, (db) =>
    tombstoneAbsent(db, { clerkId: "user_new1", cause: "webhook", ref: null }),
  );
  const syncBegan = new Date(Date.now() - 3_600_000).toISOString();
  expect(await mayDeleteAbsent(pool, 5)).toBe(true);
  expect(await mayDeleteAbsent(pool, 5, syncBegan)).toBe(false);
});

test("a user that was deleted and revived counts once", async () => {
  await addUsers(1_199);
  await deleteAbsent(1);
  await pool.query("update users set deleted_at = null where clerk_id = 'user_1'");
  expect(await mayDeleteAbsent(pool, 5)).toBe(false);
});
