import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { digestRows, digestSnapshots, findDrift } from "./drift.ts";
import type { Pool } from "./pool.ts";
import { createTestPool, emptyTables, writeUsers } from "./testing.ts";
import { blankUser, type UserSnapshot } from "./user-columns.ts";

let pool: Pool;
const why = { cause: "reconcile", ref: null };

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

const ana: UserSnapshot = {
  ...blankUser,
  clerkId: "user_ana",
  email: "ana@example.com",
  emailVerified: true,
  name: "Ana",
  imageUrl: "https://img.example.com/ana",
  isAdmin: false,
  banned: false,
  clerkCreatedAtMs: 1_795_262_129_568,
  clerkUpdatedAtMs: 1_795_262_129_569,
  readTicket: 1,
  ...why,
};
const bob: UserSnapshot = { ...ana, clerkId: "user_bob", email: null, name: null, imageUrl: null };
/** Created in the same millisecond as Bob, and sorted before Bob by id. */
const ada: UserSnapshot = {
  ...bob,
  clerkId: "user_Ada",
  name: "Ada, 1:\"'\\\n\u2028 Žluťoučký 🐎",
  isAdmin: true,
};
const people = [bob, ana, ada];

const write = (snapshots: UserSnapshot[]) => writeUsers(pool, snapshots);

const allUsers = { afterMs: null, untilMs: null };
const digest = (create = true) => digestRows(pool, allUsers, create);

test("the digest of the rows is that of the written snapshots, in any order", async () => {
  expect(await digest()).toBe(digestSnapshots(pool, []));
  await write(people);
  expect(await digest()).toBe(digestSnapshots(pool, people));
  expect(await digest()).toBe(digestSnapshots(pool, people.toReversed()));
});

const text = fc.option(fc.string({ unit: "grapheme", maxLength: 20 }).map((one) => one.replaceAll("\0", "")));
const timeMs = fc.integer({ min: 0, max: 4_102_444_800_000 });

test("the digest of the rows is that of any snapshots that Postgres can store", async () => {
  const fields = {
    email: text,
    emailVerified: fc.boolean(),
    name: text,
    imageUrl: text,
    isAdmin: fc.boolean(),
    banned: fc.boolean(),
    clerkCreatedAtMs: timeMs,
    clerkUpdatedAtMs: timeMs,
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record(fields), { maxLength: 5 }), async (drawn) => {
      await emptyTables(pool);
      const snapshots = drawn.map((one, n) => ({ ...ana, ...one, clerkId: `user_${n}` }));
      await write(snapshots);
      expect(await digest()).toBe(digestSnapshots(pool, snapshots));
    }),
    { numRuns: 60 },
  );
});

test.each<[string, string]>([
  ["a name", "update users set name = 'Ann' where clerk_id = 'user_ana'"],
  ["a name that is gone", "update users set name = null where clerk_id = 'user_ana'"],
  ["an email", "update users set email = 'bob@example.com' where clerk_id = 'user_bob'"],
  ["a verification", "update users set email_verified = false where clerk_id = 'user_ana'"],
  ["an image", "update users set image_url = null where clerk_id = 'user_ana'"],
  ["a ban", "update users set banned = true where clerk_id = 'user_ana'"],
  ["a role", "update users set role = 'user', role_source = null where clerk_id = 'user_Ada'"],
  ["a role that the app decided", "update users set role_source = 'manual' where clerk_id = 'user_Ada'"],
  [
    "a decision of the app that the user is no admin",
    "update users set role_source = 'default' where clerk_id = 'user_ana'",
  ],
  [
    "a creation time",
    "update users set clerk_created_at = clerk_created_at + interval '1 ms' where clerk_id = 'user_bob'",
  ],
  [
    "a version",
    "update users set clerk_updated_at = clerk_updated_at - interval '1 ms' where clerk_id = 'user_bob'",
  ],
  [
    "less than a millisecond of a creation time",
    "update users set clerk_created_at = clerk_created_at + interval '300 us' where clerk_id = 'user_bob'",
  ],
  [
    "less than a millisecond of a version",
    "update users set clerk_updated_at = clerk_updated_at - interval '300 us' where clerk_id = 'user_bob'",
  ],
  ["an unknown version", "update users set clerk_updated_at = null where clerk_id = 'user_bob'"],
  ["a version without end", "update users set clerk_updated_at = 'infinity' where clerk_id = 'user_bob'"],
  [
    "a version beyond what microseconds can count",
    "update users set clerk_updated_at = '294276-12-31' where clerk_id = 'user_bob'",
  ],
  [
    "fields that change places",
    "update users set name = image_url, image_url = name where clerk_id = 'user_ana'",
  ],
  ["a row that is gone", "delete from users where clerk_id = 'user_Ada'"],
  ["a row that was deleted", "update users set deleted_at = now() where clerk_id = 'user_Ada'"],
  ["a row that Clerk lacks", "insert into users (clerk_id, clerk_created_at) values ('user_x', now())"],
  [
    "a profile that is gone",
    "delete from mentorados where user_id = (select id from users where clerk_id = 'user_ana')",
  ],
  ["a deletion that is held", "insert into rollcall.held_deletions (clerk_id) values ('user_ana')"],
])("the digest changes with %s", async (_, change) => {
  await write(people);
  await pool.query(change);
  expect(await digest()).not.toBe(digestSnapshots(pool, people));
});

test("the digest ignores a missing profile that is not due", async () => {
  await write(people);
  await pool.query("delete from mentorados");
  expect(await digest(false)).toBe(digestSnapshots(pool, people));
  await pool.query("insert into mentorados (nome_completo, email) values ('Waiting', 'ANA@example.com')");
  expect(await digest(false)).not.toBe(digestSnapshots(pool, people));
});

test("the digest covers the range alone, whose start is exclusive and whose end is inclusive", async () => {
  const at = (clerkCreatedAtMs: number) => ({
    ...bob,
    clerkId: `user_${clerkCreatedAtMs}`,
    clerkCreatedAtMs,
  });
  await write([at(1), at(2), at(3), at(4)]);
  expect(await digestRows(pool, { afterMs: 1, untilMs: 3 }, true)).toBe(
    digestSnapshots(pool, [at(2), at(3)]),
  );
});

test.each<[string, string, string]>([
  ["a name", "name = 'Ann'", "older_row"],
  ["an email", "email = null", "older_row"],
  ["a verification", "email_verified = false", "older_row"],
  ["an image", "image_url = 'x'", "older_row"],
  ["a ban", "banned = true", "older_row"],
  ["a role", "role = 'admin', role_source = 'clerk'", "older_row"],
  ["a creation time", "clerk_created_at = clerk_created_at - interval '1 ms'", "older_row"],
  ["a version", "clerk_updated_at = clerk_updated_at - interval '1 ms'", "older_row"],
])("findDrift reports %s", async (_, change, kind) => {
  await write(people);
  await pool.query(`update users set ${change} where clerk_id = 'user_ana'`);
  const later = people.map((one) => ({ ...one, readTicket: 2 }));
  expect(await findDrift(pool, later, true)).toEqual(new Map([["user_ana", kind]]));
});

test("findDrift reports missing rows, missing profiles and held deletions, and nothing of equal or deleted rows", async () => {
  await write(people);
  const later = people.map((one) => ({ ...one, readTicket: 2 }));
  expect(await findDrift(pool, later, true)).toEqual(new Map());
  await pool.query(`
    delete from mentorados where user_id = (select id from users where clerk_id = 'user_ana');
    update users set deleted_at = now(), name = null where clerk_id = 'user_Ada';
    insert into rollcall.held_deletions (clerk_id) values ('user_bob')`);
  const drift = await findDrift(pool, [...later, { ...ana, clerkId: "user_new" }], true);
  expect(Object.fromEntries(drift)).toEqual({
    user_ana: "missing_profile",
    user_bob: "released",
    user_new: "missing_row",
  });
  expect((await findDrift(pool, later, false)).get("user_ana")).toBeUndefined();
});

test("findDrift ignores a row that was read later", async () => {
  await write([{ ...ana, name: "now", readTicket: 5 }]);
  expect(await findDrift(pool, [{ ...ana, name: "then", readTicket: 4 }], true)).toEqual(new Map());
});
