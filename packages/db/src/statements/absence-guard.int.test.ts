import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pool } from "../pool.ts";
import { createTestPool, emptyTables } from "../testing.ts";
import { inTransaction } from "../transaction.ts";
import { mayDeleteAbsent } from "./absence-guard.ts";
import { tombstoneAbsent } from "./tombstone-absent.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

async function house(users: number): Promise<void> {
  await pool.query(
    "insert into users (clerk_id, created_at) select 'user_' || n, now() - interval '1 day' from generate_series(1, $1::int) n",
    [users],
  );
}

const absent = (n: number) =>
  inTransaction(pool, (db) => tombstoneAbsent(db, { clerkId: `user_${n}`, cause: "webhook", ref: null }));

async function goOneByOne(from: number, until: number): Promise<number> {
  let gone = 0;
  for (let n = from; n <= until; n++) if ((await absent(n)) === "tombstoned") gone++;
  return gone;
}

describe.each([
  [1, 5],
  [1_000, 5],
  [1_010, 5],
  [1_199, 5],
  [1_200, 6],
  [1_600, 8],
  [2_399, 11],
])("of %i users no more than %i go in a day", (users, most) => {
  test("one by one", async () => {
    await house(Math.max(users, most + 3));
    expect(await goOneByOne(1, most + 3)).toBe(most);
  });

  test("together", async () => {
    await house(users);
    expect(await mayDeleteAbsent(pool, most)).toBe(true);
    expect(await mayDeleteAbsent(pool, most + 1)).toBe(false);
  });

  test("some one by one, and the rest together", async () => {
    await house(Math.max(users, most));
    await goOneByOne(1, most - 2);
    expect(await mayDeleteAbsent(pool, 2)).toBe(true);
    expect(await mayDeleteAbsent(pool, 3)).toBe(false);
  });
});

test("whoever came since the sweep began raises the limit neither alive nor gone", async () => {
  await house(1_195);
  await pool.query("insert into users (clerk_id) select 'user_new' || n from generate_series(1, 10) n");
  await inTransaction(pool, (db) =>
    tombstoneAbsent(db, { clerkId: "user_new1", cause: "webhook", ref: null }),
  );
  const sweepBegan = new Date(Date.now() - 3_600_000).toISOString();
  expect(await mayDeleteAbsent(pool, 5)).toBe(true);
  expect(await mayDeleteAbsent(pool, 5, sweepBegan)).toBe(false);
});

test("one who went and was revived counts as one user", async () => {
  await house(1_199);
  await absent(1);
  await pool.query("update users set deleted_at = null where clerk_id = 'user_1'");
  expect(await mayDeleteAbsent(pool, 5)).toBe(false);
});
