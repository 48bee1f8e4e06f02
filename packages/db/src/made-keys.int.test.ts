import { afterAll, beforeAll, expect, test } from "vitest";
import { failInsert, perUserKey } from "./made-keys.ts";
import type { Pool } from "./pool.ts";
import { createTestPool } from "./testing.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.end());

test("failed questions for the key are asked again, also if one began before another had failed", async () => {
  let fail: ((error: Error) => void)[] | undefined;
  const query: Pool["query"] = (...statement) => {
    const failures = fail;
    return failures ? new Promise((_, reject) => failures.push(reject)) : pool.query(...statement);
  };
  const db = { ...pool, query };
  const findKey = perUserKey((_, newKey) => newKey.drawn);
  const drawn = await findKey(db);
  const letInsertFail = () => expect(() => failInsert(db)(new Error("locked"))).toThrow("locked");

  fail = [];
  letInsertFail();
  const first = findKey(db);
  // An insert of before fails while the first question waits, so the next insert asks another one.
  letInsertFail();
  const second = findKey(db);
  for (const reject of fail) reject(new Error("still locked"));
  expect(await Promise.allSettled([first, second])).toMatchObject([
    { status: "rejected" },
    { status: "rejected" },
  ]);

  fail = undefined;
  expect(await findKey(db)).toBe(drawn);
});
