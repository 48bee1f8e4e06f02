import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { createTestPool, emptyTables, getSession, makeSnapshot, writeUsers } from "./testing.ts";
import type { UserSnapshot } from "./user-columns.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

const snapshot = makeSnapshot;
const write = (snapshots: UserSnapshot[], options?: { turma?: string | null; create?: boolean }) =>
  writeUsers(pool, snapshots, options);

describe("profile", () => {
  test("is made with the defaults", async () => {
    expect(await write([snapshot({ name: null, email: null, emailVerified: false })])).toEqual({
      user_a: "created",
    });
    expect((await getSession(pool)).mentorado).toMatchObject({
      nomeCompleto: "New User",
      email: null,
      turma: "neon",
      ativo: "sim",
      metaFaturamento: 16_000,
      metaLeads: 50,
      metaProcedimentos: 10,
      metaPosts: 12,
      metaStories: 60,
      linkedAt: expect.any(Date),
    });
  });

  test("takes name, email, image and turma from Clerk", async () => {
    await write([snapshot({ name: "Ada", imageUrl: "https://img" })], { turma: "neon_2" });
    expect((await getSession(pool)).mentorado).toMatchObject({
      nomeCompleto: "Ada",
      email: "a@example.com",
      fotoUrl: "https://img",
      turma: "neon_2",
    });
  });

  test("is kept if the user has one, also if the snapshot was too old to write", async () => {
    await write([snapshot({ readTicket: 5 })]);
    expect(await write([snapshot({ readTicket: 1 })])).toEqual({ user_a: "kept" });
    expect((await pool.query("select from mentorados")).rowCount).toBe(1);
  });

  test.each([
    ["admin", { isAdmin: true }, {}],
    ["banned", { banned: true }, {}],
    ["not_made", {}, { create: false }],
  ] as const)("is not made: %s", async (outcome, fields, options) => {
    expect(await write([snapshot(fields)], options)).toEqual({ user_a: outcome });
    expect((await pool.query("select from mentorados")).rowCount).toBe(0);
  });

  test("is made after an admin is demoted", async () => {
    await write([snapshot({ isAdmin: true })]);
    expect(await write([snapshot({ readTicket: 2 })])).toEqual({ user_a: "created" });
  });

  test("follows the row and not the snapshot: an old read of a banned user makes none", async () => {
    await write([snapshot({ banned: true, clerkUpdatedAtMs: 2_000 })]);
    expect(await write([snapshot({ banned: false, clerkUpdatedAtMs: 1_000, readTicket: 9 })])).toEqual({
      user_a: "banned",
    });
  });
});

test("a profile that the app inserts at the same moment is kept, not doubled", async () => {
  await write([snapshot()], { create: false });
  const { id } = (await getSession(pool)).user;
  const app = await pool.connect();
  await app.query("begin");
  await app.query("set local idle_in_transaction_session_timeout = 0");
  await app.query("insert into mentorados (user_id, nome_completo) values ($1, 'by the app')", [id]);
  const ours = write([snapshot({ readTicket: 2 })]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await app.query("commit");
  app.release();
  expect(await ours).toEqual({ user_a: "kept" });
  expect((await getSession(pool)).mentorado?.nomeCompleto).toBe("by the app");
});
