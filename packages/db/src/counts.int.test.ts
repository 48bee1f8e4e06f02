import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { countUsersByState, countUsersWhenDue, countWithoutProfile } from "./counts.ts";
import type { Pool } from "./pool.ts";
import { createTestPool, emptyTables, makeSnapshot, untilBlocked, writeUsers } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(async () => {
  await emptyTables(pool);
  await pool.query("delete from rollcall.user_counts");
});
afterAll(() => pool.end());

/** As if the last count had taken this long, and had ended this long ago. */
const pretend = (tookS: number, agoS: number) =>
  pool.query(
    "update rollcall.user_counts set took_ms = $1 * 1000, counted_at = now() - $2 * interval '1 second'",
    [tookS, agoS],
  );

test("short counts are made at each call", async () => {
  await writeUsers(pool, [
    makeSnapshot({ clerkId: "user_a" }),
    makeSnapshot({ clerkId: "user_b", banned: true }),
  ]);
  await pool.query("insert into rollcall.held_deletions (clerk_id) values ('user_a'), ('user_unknown')");
  expect(await countUsersWhenDue(pool)).toEqual({ live: 2, held: 1 });
  await pretend(1, 0);
  await writeUsers(pool, [makeSnapshot({ clerkId: "user_c" })], { create: false });
  expect(await countUsersWhenDue(pool)).toEqual({ live: 3, held: 1 });
  expect(await countUsersByState(pool)).toEqual({ live: 2, banned: 1, deleted: 0, countedAt: null });
  expect(await countWithoutProfile(pool)).toBe(1);
});

test("long ones are shown as they were kept, with their time, and made again after 20 times as long", async () => {
  await writeUsers(pool, [makeSnapshot({ clerkId: "user_a" })], { create: false });
  await countUsersWhenDue(pool);
  await writeUsers(pool, [makeSnapshot({ clerkId: "user_b" })], { create: false });
  await pretend(2, 39);
  expect(await countUsersWhenDue(pool)).toBeUndefined();
  expect(await countUsersByState(pool)).toEqual({
    live: 1,
    banned: 0,
    deleted: 0,
    countedAt: expect.any(String),
  });
  expect(await countWithoutProfile(pool)).toBe(1);
  await pretend(2, 41);
  expect(await countUsersWhenDue(pool)).toEqual({ live: 2, held: 0 });
  expect(await countWithoutProfile(pool)).toBe(2);
});

test("a large table is not counted by readers before an incremental sync has counted it", async () => {
  await writeUsers(pool, [makeSnapshot({ clerkId: "user_a" })], { create: false });
  const large = { largeBytes: 0 };
  expect(await countUsersByState(pool, large)).toBeUndefined();
  expect(await countWithoutProfile(pool, large)).toBeUndefined();
  await countUsersWhenDue(pool);
  expect(await countUsersByState(pool, large)).toMatchObject({ live: 1 });
  expect(await countWithoutProfile(pool, large)).toBe(1);
});

test("if the count of users without a profile is ended by its limit, the others are kept", async () => {
  await writeUsers(pool, [makeSnapshot({ clerkId: "user_a" })], { create: false });
  await countUsersWhenDue(pool);
  const counted = await inTransaction(pool, async (client) => {
    await client.query("lock table mentorados in access exclusive mode");
    const counting = countUsersWhenDue(pool);
    await untilBlocked(pool);
    // The limit cancels the statement likewise.
    await pool.query(
      "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0",
    );
    return await counting;
  });
  expect(counted).toEqual({ live: 1, held: 0 });
  await pretend(2, 0);
  expect(await countUsersByState(pool)).toMatchObject({ live: 1, countedAt: expect.any(String) });
  expect(await countWithoutProfile(pool)).toBeUndefined();
});
