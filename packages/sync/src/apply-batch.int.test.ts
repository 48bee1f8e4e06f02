import { createPool, findSession, type Pool } from "@rollcall/db";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { applyBatch } from "./apply-batch.ts";
import { createTestPool, testDefaults, userWrite } from "./testing.ts";
import { createUserWriter } from "./write-users.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool(inject("postgresUrl"));
});
afterAll(() => pool.end());

test("one poisoned user among 500 costs the other 499 nothing", async () => {
  const writes = Array.from({ length: 500 }, (_, index) => userWrite(`user_p${index}`));
  writes[321] = userWrite("user_p321", { name: "NUL \0 byte" });
  const outcomes = await applyBatch(pool, writes, testDefaults);
  expect(outcomes.get("user_p321")).toMatchObject({ code: "user.rejected" });
  expect([...outcomes.values()].filter((outcome) => outcome === "created")).toHaveLength(499);
  const rows = await pool.query("select from users where clerk_id like 'user_p%'");
  expect(rows.rowCount).toBe(499);
});

test("a refused user's error tells a code and nothing of the row", async () => {
  const outcomes = await applyBatch(pool, [userWrite("user_secret", { name: "Hidden\0Name" })], testDefaults);
  const error = outcomes.get("user_secret");
  expect(JSON.stringify([String(error), error, (error as Error).stack])).not.toContain("Hidden");
});

test("a Postgres that is away fails the batch as an outage, not as the users' fault", async () => {
  const gone = createPool({
    databaseUrl: "postgres://nobody:x@127.0.0.1:9/none",
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await expect(applyBatch(gone, [userWrite("user_x")], testDefaults)).rejects.toMatchObject({
    code: "postgres.unavailable",
  });
  await gone.end();
});

test("two jobs with one user in one window are written once, by the newer snapshot, and both hear of it", async () => {
  const writeUser = createUserWriter(pool, testDefaults);
  const outcomes = await Promise.all([
    writeUser(userWrite("user_twice", { name: "new", readTicket: 2 })),
    writeUser(userWrite("user_twice", { name: "old", readTicket: 1 })),
  ]);
  expect(outcomes).toEqual(["created", "created"]);
  expect((await findSession(pool, "user_twice"))?.user.name).toBe("new");
});
