import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  closeAdminSession,
  findAdminSession,
  findOpenAdminSessions,
  listAdminSessions,
  openAdminSession,
  pruneAdminSessions,
  touchAdminSession,
} from "./admin-sessions.ts";
import type { Pool } from "./pool.ts";
import { createTestPool } from "./testing.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(async () => {
  await pool.query("truncate rollcall.admin_sessions, rollcall.events");
});
afterAll(() => pool.end());

const accountHash = Buffer.alloc(32, 1);

async function open(operator = "ana", options: { accountHash?: Buffer; replaces?: Buffer } = {}) {
  const idHash = randomBytes(32);
  const session = await openAdminSession(pool, {
    idHash,
    operator,
    accountHash,
    replaces: undefined,
    ...options,
  });
  return { ...session, idHash };
}

async function listEvents() {
  return (await pool.query("select kind, cause, ref, clerk_id, details from rollcall.events order by id"))
    .rows;
}

const changes = {
  "eight hours without use": "last_seen_at = now() - interval '8 hours 1 second'",
  "a day, however much it was used": "ends_at = now() - interval '1 second'",
};

test.each(Object.entries(changes))("a session is over after %s, and no use revives it", async (_, change) => {
  const session = await open();
  expect(await findAdminSession(pool, session.idHash)).toMatchObject({ id: session.id, operator: "ana" });
  await pool.query(`update rollcall.admin_sessions set ${change}`);
  await touchAdminSession(pool, session.id);
  expect(await findAdminSession(pool, session.idHash)).toBeUndefined();
  expect(await findOpenAdminSessions(pool, [session.id])).toEqual(new Set());
  expect(await listAdminSessions(pool, [accountHash])).toEqual([]);
  expect(
    await closeAdminSession(pool, { id: session.id, by: "ana", kind: "operator_logged_out" }),
  ).toBeUndefined();
  await pruneAdminSessions(pool, [accountHash]);
  expect((await pool.query("select from rollcall.admin_sessions")).rowCount).toBe(0);
});

test("use moves the end, until a day after the login", async () => {
  const session = await open();
  await pool.query("update rollcall.admin_sessions set last_seen_at = now() - interval '7 hours'");
  await touchAdminSession(pool, session.id);
  const used = await findAdminSession(pool, session.idHash);
  expect(Date.parse(used?.expiresAt ?? "")).toBeGreaterThanOrEqual(Date.parse(session.expiresAt));
  await pool.query("update rollcall.admin_sessions set ends_at = now() + interval '1 minute'");
  const late = await findAdminSession(pool, session.idHash);
  expect(Date.parse(late?.expiresAt ?? "") - Date.now()).toBeLessThan(120_000);
});

test("within a minute a session is written once", async () => {
  const session = await open();
  const readVersion = async () => (await pool.query("select xmin from rollcall.admin_sessions")).rows;
  const before = await readVersion();
  await touchAdminSession(pool, session.id);
  expect(await readVersion()).toEqual(before);
});

test("a login ends the session that the browser had before, and stands in the timeline", async () => {
  const first = await open();
  const second = await open("ana", { replaces: first.idHash });
  expect(await findAdminSession(pool, first.idHash)).toBeUndefined();
  expect(await findAdminSession(pool, second.idHash)).toMatchObject({ id: second.id });
  const event = { kind: "operator_logged_in", cause: "admin", ref: "ana", clerk_id: null };
  expect(await listEvents()).toEqual([
    { ...event, details: { sessionId: first.id } },
    { ...event, details: { sessionId: second.id } },
  ]);
});

test("two that end one session at once leave one event", async () => {
  const { id } = await open();
  const revoke = (by: string) => closeAdminSession(pool, { id, by, kind: "operator_session_revoked" });
  const results = await Promise.all([revoke("bia"), revoke("caio")]);
  expect(results.filter(Boolean)).toEqual([{ operator: "ana" }]);
  expect((await listEvents()).slice(1)).toMatchObject([
    { kind: "operator_session_revoked", details: { sessionId: id, operator: "ana" } },
  ]);
});

test("an operator without the right to end another's session does not end it", async () => {
  const { id } = await open();
  const kind = "operator_session_revoked";
  expect(await closeAdminSession(pool, { id, by: "bia", ofOperator: "bia", kind })).toBeUndefined();
  expect(await findOpenAdminSessions(pool, [id])).toEqual(new Set([id]));
  expect(await closeAdminSession(pool, { id, by: "ana", ofOperator: "ana", kind })).toEqual({
    operator: "ana",
  });
});

test("sessions of another account are neither listed nor kept", async () => {
  const kept = await open();
  await open("bia", { accountHash: Buffer.alloc(32, 2) });
  expect(await listAdminSessions(pool, [accountHash])).toMatchObject([{ id: kept.id }]);
  expect(await pruneAdminSessions(pool, [accountHash])).toBe(1);
  expect(await pruneAdminSessions(pool, [accountHash])).toBe(0);
  expect((await pool.query("select operator from rollcall.admin_sessions")).rows).toEqual([
    { operator: "ana" },
  ]);
});

test("the oldest sessions of an operator end when there are more than fifty", async () => {
  const other = await open("bia");
  const sessions = [];
  for (let login = 0; login < 52; login++) sessions.push(await open());
  const left = (await listAdminSessions(pool, [accountHash])).map(({ id }) => id);
  expect(left).toEqual([
    ...sessions
      .slice(2)
      .map(({ id }) => id)
      .reverse(),
    other.id,
  ]);
});
