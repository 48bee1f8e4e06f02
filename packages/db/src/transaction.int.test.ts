import { afterAll, beforeAll, expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { createEmptyPool } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createEmptyPool();
  await pool.query("create table kept (id int)");
});
afterAll(() => pool.end());

const kill = (pid: number) => pool.query("select pg_terminate_backend($1)", [pid]);

test("a connection that breaks during a statement fails the transaction and nothing else", async () => {
  const work = inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    // Awaited together, because the statement may fail before the answer to the kill arrives.
    await Promise.all([client.query("select pg_sleep(30)"), kill(rows[0]?.pid ?? 0)]);
  });
  await expect(work).rejects.toThrow();
});

test("a connection that breaks between two statements fails the transaction, and the pool goes on", async () => {
  const work = inTransaction(pool, async (client) => {
    await client.query("insert into kept values (1)");
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    await kill(rows[0]?.pid ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await client.query("select 1");
  });
  await expect(work).rejects.toThrow();
  expect((await pool.query("select from kept")).rowCount).toBe(0);
});
