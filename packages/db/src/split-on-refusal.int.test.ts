import { afterAll, beforeAll, expect, test } from "vitest";
import { PostgresError } from "./errors.ts";
import type { Pool } from "./pool.ts";
import { splitInSavepoints, splitOnRefusal } from "./split-on-refusal.ts";
import { createEmptyPool } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createEmptyPool();
  await pool.query("create table numbers (n int check (n % 10 <> 3))");
});
afterAll(() => pool.end());

const numbers = Array.from({ length: 20 }, (_, index) => index);
const insert = "insert into numbers select unnest($1::int[])";

test("in savepoints the poisoned items fail alone, and the others are written in their order", async () => {
  const parts = await inTransaction(pool, (client) =>
    splitInSavepoints(
      client,
      numbers,
      async (part) => {
        await client.query(insert, [part]);
        return part.map((n) => `written ${n}`);
      },
      (n) => [`refused ${n}`],
    ),
  );
  expect(parts.flat()).toEqual(numbers.map((n) => (n % 10 === 3 ? `refused ${n}` : `written ${n}`)));
  const { rows } = await pool.query("select count(*)::int as count from numbers");
  expect(rows).toEqual([{ count: 18 }]);
});

test("an attempt knows the number of halvings before it", async () => {
  const attempts: [number, number][] = [];
  const attempt = async (part: readonly number[], depth: number) => {
    attempts.push([part.length, depth]);
    if (part.includes(3)) throw new Error("refused");
  };
  await splitOnRefusal([0, 1, 2, 3], attempt, () => undefined);
  expect(attempts).toEqual([
    [4, 0],
    [2, 1],
    [2, 1],
    [1, 2],
    [1, 2],
  ]);
});

const inOneTransaction: typeof splitOnRefusal = (items, attempt, refuse) =>
  inTransaction(pool, (client) => splitInSavepoints(client, items, attempt, refuse));

test.each([
  ["", splitOnRefusal],
  [" inside a transaction", inOneTransaction],
])("an outage%s ends the work, and no item is refused", async (_, split) => {
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    throw new PostgresError("postgres.unavailable", "No connection is left", "53300");
  };
  const work = split(numbers, attempt, () => undefined);
  await expect(work).rejects.toMatchObject({ sqlState: "53300" });
  expect(attempts).toBe(1);
});

test("a deadlock ends the attempt of the whole transaction, which runs again", async () => {
  let runs = 0;
  const work = inTransaction(pool, (client) =>
    splitInSavepoints(
      client,
      numbers,
      async (part) => {
        if (++runs === 1) throw new PostgresError("user.rejected", "A deadlock", "40P01");
        return part.length;
      },
      () => 0,
    ),
  );
  expect(await work).toEqual([20]);
});

test("without items an error is thrown", async () => {
  const attempt = () => Promise.reject(new Error("no items"));
  await expect(splitOnRefusal([], attempt, () => undefined)).rejects.toThrow("no items");
});
