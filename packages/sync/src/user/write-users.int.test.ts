import { createPool, findSession, type Pool } from "@rollcall/db";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { createTestPool, testDefaults, userWrite } from "../testing/fixtures.ts";
import { createUserWriter, writeUsers } from "./write-users.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool(inject("postgresUrl"));
});
afterAll(() => pool.end());

test("one poisoned user among 500 does not stop the other 499 writes", async () => {
  const writes = Array.from({ length: 500 }, (_, index) => userWrite(`user_p${index}`));
  writes[321] = userWrite("user_p321", { name: "NUL \0 byte" });
  const outcomes = await writeUsers(pool, writes, testDefaults);
  expect(outcomes.get("user_p321")).toMatchObject({ code: "user.rejected" });
  expect([...outcomes.values()].filter((outcome) => outcome === "created")).toHaveLength(499);
  const rows = await pool.query("select from users where clerk_id like 'user_p%'");
  expect(rows.rowCount).toBe(499);
});

test("the error of a refused user has a code and no data of the row", async () => {
  const outcomes = await writeUsers(pool, [userWrite("user_secret", { name: "Hidden\0Name" })], testDefaults);
  const error = outcomes.get("user_secret");
  expect(JSON.stringify([String(error), error, (error as Error).stack])).not.toContain("Hidden");
});

test("a Postgres that is away fails the batch as an outage and not as an error of its users", async () => {
  const unreachable = createPool({
    databaseUrl: "postgres://unknown:x@127.0.0.1:9/none",
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await expect(writeUsers(unreachable, [userWrite("user_x")], testDefaults)).rejects.toMatchObject({
    code: "postgres.unavailable",
  });
  await unreachable.end();
});

test("two jobs of one user in one window are written once, by the newer snapshot, and both get the outcome", async () => {
  const writeUser = createUserWriter(pool, testDefaults);
  const outcomes = await Promise.all([
    writeUser(userWrite("user_twice", { name: "new", readTicket: 2 })),
    writeUser(userWrite("user_twice", { name: "old", readTicket: 1 })),
  ]);
  expect(outcomes).toEqual(["created", "created"]);
  expect((await findSession(pool, "user_twice"))?.user.name).toBe("new");
});

test("an app's trigger that raises for one user fails only that user", async () => {
  await pool.query(`
    create function app_refuses() returns trigger language plpgsql as $$
    begin
      if new.name = 'refused' then raise exception 'not this one'; end if;
      return new;
    end $$`);
  await pool.query(
    "create trigger app_check before insert on users for each row execute function app_refuses()",
  );
  const writes = [userWrite("user_t1"), userWrite("user_t2", { name: "refused" }), userWrite("user_t3")];
  const outcomes = await writeUsers(pool, writes, testDefaults);
  expect(outcomes.get("user_t2")).toMatchObject({ code: "user.rejected", sqlState: "P0001" });
  expect([outcomes.get("user_t1"), outcomes.get("user_t3")]).toEqual(["created", "created"]);
});

test("a row that the app keeps locked fails only its own user", async () => {
  await writeUsers(pool, [userWrite("user_locked"), userWrite("user_free")], testDefaults);
  const app = await pool.connect();
  await app.query("begin");
  await app.query("set local idle_in_transaction_session_timeout = 0");
  await app.query("select from users where clerk_id = 'user_locked' for update");
  const writes = ["user_free", "user_locked"].map((id) => userWrite(id, { readTicket: 2, name: "new" }));
  const outcomes = await writeUsers(pool, writes, testDefaults);
  await app.query("rollback");
  app.release();
  expect(outcomes.get("user_locked")).toMatchObject({ code: "user.rejected", sqlState: "55P03" });
  expect(outcomes.get("user_free")).toBe("kept");
});

test("an error of our own code fails one user and is no outage", async () => {
  const unwritable = {
    toPostgres: () => {
      throw new TypeError("ours");
    },
  };
  // `never`: no snapshot of our own has such a name.
  const writes = [userWrite("user_ok"), userWrite("user_never", { name: unwritable as never })];
  const outcomes = await writeUsers(pool, writes, testDefaults);
  expect(outcomes.get("user_never")).toMatchObject({ code: "internal" });
  expect(outcomes.get("user_ok")).toBe("created");
});
