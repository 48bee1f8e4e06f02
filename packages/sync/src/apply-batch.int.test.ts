import { createPool, findSession, migrateUp, type Pool, type UserSnapshot } from "@rollcall/db";
import { createDatabase } from "@rollcall/sandbox";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { applyBatch, type UserWrite } from "./apply-batch.ts";
import { createUserWriter } from "./write-users.ts";

let pool: Pool;
const defaults = { nomeCompleto: "New User", turma: "neon", create: true };

beforeAll(async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
  await migrateUp(pool);
});
afterAll(() => pool.end());

function write(clerkId: string, fields: Partial<UserSnapshot> = {}): UserWrite {
  const snapshot: UserSnapshot = {
    clerkId,
    email: null,
    emailVerified: false,
    name: clerkId,
    imageUrl: null,
    isAdmin: false,
    banned: false,
    clerkCreatedAtMs: 1_000,
    clerkUpdatedAtMs: 1_000,
    readTicket: 1,
    ...fields,
  };
  return { snapshot, turma: null };
}

test("one poisoned user among 500 costs the other 499 nothing", async () => {
  const writes = Array.from({ length: 500 }, (_, index) => write(`user_p${index}`));
  writes[321] = write("user_p321", { name: "NUL \0 byte" });
  const outcomes = await applyBatch(pool, writes, defaults);
  expect(outcomes.get("user_p321")).toMatchObject({ code: "user.rejected" });
  expect([...outcomes.values()].filter((outcome) => outcome === "created")).toHaveLength(499);
  const rows = await pool.query("select from users where clerk_id like 'user_p%'");
  expect(rows.rowCount).toBe(499);
});

test("a refused user's error tells a code and nothing of the row", async () => {
  const outcomes = await applyBatch(pool, [write("user_secret", { name: "Hidden\0Name" })], defaults);
  const error = outcomes.get("user_secret");
  expect(JSON.stringify([String(error), error, (error as Error).stack])).not.toContain("Hidden");
});

test("a Postgres that is away fails the batch as an outage, not as the users' fault", async () => {
  const gone = createPool({
    databaseUrl: "postgres://nobody:x@127.0.0.1:9/none",
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await expect(applyBatch(gone, [write("user_x")], defaults)).rejects.toMatchObject({
    code: "postgres.unavailable",
  });
  await gone.end();
});

test("two jobs with one user in one window are written once, by the newer snapshot, and both hear of it", async () => {
  const writeUser = createUserWriter(pool, defaults);
  const outcomes = await Promise.all([
    writeUser(write("user_twice", { name: "new", readTicket: 2 })),
    writeUser(write("user_twice", { name: "old", readTicket: 1 })),
  ]);
  expect(outcomes).toEqual(["created", "created"]);
  expect((await findSession(pool, "user_twice"))?.user.name).toBe("new");
});
