import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { longestLockWaitMs } from "../lock-wait.ts";
import type { Connection, Pool, Queryable } from "../pool.ts";
import { createTestPool, emptyTables, untilBlocked } from "../testing.ts";
import { inTransaction } from "../transaction.ts";
import { lockAbsenceGuard } from "./absence-guard.ts";
import { changeTier } from "./change-tier.ts";
import { tombstoneAbsent } from "./tombstone-absent.ts";
import { tombstoneEach } from "./tombstone-each.ts";
import { tombstoneUsers } from "./tombstone-users.ts";

let pool: Pool;
let app: Connection;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(async () => {
  await emptyTables(pool);
  await pool.query("insert into users (clerk_id) select 'user_' || n from generate_series(1, 20) n");
  app = await pool.connect();
  await app.query("begin");
  return async () => {
    await app.query("rollback");
    app.release();
  };
});
afterAll(() => pool.end());

const why = { cause: "webhook", ref: null };
const deletion = { clerkId: "user_7", by: "signature", ...why } as const;
const lockSeventh = "select from users where clerk_id = 'user_7' for update";

test.each<[string, (db: Queryable) => Promise<unknown>]>([
  ["a signed deletion", (db) => tombstoneUsers(db, [deletion])],
  ["a deletion by absence", (db) => tombstoneAbsent(db, { clerkId: "user_7", ...why })],
  ["another tier", (db) => changeTier(db, { clerkId: "user_7", tier: "GOLD", by: "ops" })],
])("%s of somebody whose row the app keeps locked fails as theirs, and is no outage", async (_what, work) => {
  await app.query(lockSeventh);
  const failure = await inTransaction(pool, work).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "user.rejected", sqlState: "55P03" });
});

test("a profile that the app gives somebody while they are deleted is taken from them too", async () => {
  const given = `insert into mentorados (nome_completo, user_id) select 'given', id from users where clerk_id = 'user_7'`;
  await app.query(given);
  const deleting = inTransaction(pool, (db) => tombstoneUsers(db, [deletion]));
  await Promise.race([deleting, untilBlocked(pool)]);
  await app.query("commit");
  await deleting;
  const profiles = await pool.query("select user_id, ativo from mentorados");
  expect(profiles.rows).toEqual([{ user_id: null, ativo: "nao" }]);
});

test("deletions together lose only who is locked", async () => {
  await app.query(lockSeventh);
  const ids = Array.from({ length: 20 }, (_, index) => `user_${index + 1}`);
  const counts = await inTransaction(pool, (db) => tombstoneEach(db, ids, { by: "person", ...why }));
  expect(counts).toEqual({ deleted: 19, failed: 1 });
  const living = await pool.query("select clerk_id from users where deleted_at is null");
  expect(living.rows).toEqual([{ clerk_id: "user_7" }]);
});

test("a wait for other deletions by absence, however long, is nobody's failure", async () => {
  await lockAbsenceGuard(app);
  const deletion = inTransaction(pool, (db) => tombstoneAbsent(db, { clerkId: "user_7", ...why }));
  // Longer than anybody waits for a row.
  await sleep(longestLockWaitMs + 500);
  await app.query("rollback");
  expect(await deletion).toBe("tombstoned");
});
