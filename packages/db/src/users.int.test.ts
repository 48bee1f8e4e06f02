import { getTableColumns } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pool } from "./pool.ts";
import { mentorados, users } from "./schema.ts";
import { createTestPool, emptyTables, getSession, makeSnapshot, writeUsers } from "./testing.ts";
import { inRolledBackTransaction } from "./transaction.ts";
import type { UserSnapshot } from "./user-columns.ts";
import { findSession } from "./users.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

const snapshot = makeSnapshot;
const write = (snapshots: UserSnapshot[], options?: { turma?: string | null; create?: boolean }) =>
  writeUsers(pool, snapshots, options);

describe("order", () => {
  test("a newer version wins and an older one never does", async () => {
    await write([snapshot({ name: "second", clerkUpdatedAtMs: 2_000, readTicket: 1 })]);
    await write([snapshot({ name: "first", clerkUpdatedAtMs: 1_000, readTicket: 9 })]);
    expect((await getSession(pool)).user).toMatchObject({ name: "second", readTicket: 1 });
    await write([snapshot({ name: "third", clerkUpdatedAtMs: 3_000, readTicket: 2 })]);
    expect((await getSession(pool)).user.name).toBe("third");
  });

  test("on equal stamps the later read wins", async () => {
    await write([snapshot({ name: "read later", readTicket: 5 })]);
    await write([snapshot({ name: "read earlier", readTicket: 4 })]);
    expect((await getSession(pool)).user.name).toBe("read later");
    await write([snapshot({ name: "read last", readTicket: 6 })]);
    expect((await getSession(pool)).user.name).toBe("read last");
  });

  test("a read without a change still outdates earlier reads", async () => {
    await write([snapshot({ name: "now", readTicket: 1 })]);
    await write([snapshot({ name: "now", readTicket: 9 })]);
    await write([snapshot({ name: "then", readTicket: 5 })]);
    expect((await getSession(pool)).user).toMatchObject({ name: "now", readTicket: 9 });
  });

  test("milliseconds count", async () => {
    await write([snapshot({ name: "later", clerkUpdatedAtMs: 1_700_000_000_002, readTicket: 1 })]);
    await write([snapshot({ name: "earlier", clerkUpdatedAtMs: 1_700_000_000_001, readTicket: 2 })]);
    expect((await getSession(pool)).user.name).toBe("later");
    expect((await getSession(pool)).user.clerkUpdatedAt?.getTime()).toBe(1_700_000_000_002);
  });

  test("a row that the app made before Rollcall is older than any snapshot", async () => {
    await pool.query("insert into users (clerk_id, name) values ('user_a', 'from the app')");
    await write([snapshot({ name: "from Clerk" })]);
    expect((await getSession(pool)).user.name).toBe("from Clerk");
  });

  test("updated_at moves only with a change of a visible column", async () => {
    await write([snapshot()]);
    const before = (await getSession(pool)).user.updatedAt;
    await write([snapshot({ readTicket: 2, clerkUpdatedAtMs: 2_000 })]);
    expect((await getSession(pool)).user.updatedAt).toEqual(before);
    await write([snapshot({ readTicket: 3, clerkUpdatedAtMs: 3_000, name: "changed" })]);
    expect((await getSession(pool)).user.updatedAt).not.toEqual(before);
  });
});

describe("never written", () => {
  test("the tier", async () => {
    await write([snapshot()]);
    await pool.query("update users set tier = 'GOLD'");
    await write([snapshot({ readTicket: 2 })]);
    expect((await getSession(pool)).user.tier).toBe("GOLD");
  });

  test("edits of a profile", async () => {
    await write([snapshot()]);
    await pool.query("update mentorados set nome_completo = 'Edited', turma = 'other', meta_leads = 7");
    await write([snapshot({ readTicket: 2, clerkUpdatedAtMs: 2_000, name: "Renamed" })], { turma: "neon_2" });
    expect((await getSession(pool)).mentorado).toMatchObject({
      nomeCompleto: "Edited",
      turma: "other",
      metaLeads: 7,
    });
  });
});

describe("role", () => {
  test("public metadata promotes, and demotes once it is gone", async () => {
    await write([snapshot()]);
    await write([snapshot({ readTicket: 2, isAdmin: true })]);
    expect((await getSession(pool)).user).toMatchObject({ role: "admin", roleSource: "clerk" });
    await write([snapshot({ readTicket: 3 })]);
    expect((await getSession(pool)).user).toMatchObject({ role: "user", roleSource: null });
  });

  test("an admin of the app stays an admin", async () => {
    await write([snapshot()]);
    await pool.query("update users set role = 'admin'");
    await write([snapshot({ readTicket: 2, clerkUpdatedAtMs: 2_000 })]);
    expect((await getSession(pool)).user.role).toBe("admin");
  });

  test("an admin of Clerk that the app demoted stays demoted", async () => {
    await write([snapshot({ isAdmin: true })]);
    await pool.query("update users set role = 'user'");
    await write([snapshot({ isAdmin: true, readTicket: 2, clerkUpdatedAtMs: 2_000 })]);
    expect((await getSession(pool)).user.role).toBe("user");
  });
});

test("overlapping batches in opposite order end without a deadlock and with one profile each", async () => {
  const ids = Array.from({ length: 60 }, (_, index) => `user_${index}`);
  const batch = (order: string[], readTicket: number) =>
    write(order.map((clerkId) => snapshot({ clerkId, email: `${clerkId}@example.com`, readTicket })));
  await Promise.all(
    Array.from({ length: 8 }, (_, round) => batch(round % 2 ? ids : ids.toReversed(), round + 1)),
  );
  const rows = await pool.query(
    "select count(*)::int as users, count(distinct m.user_id)::int as profiles from users u join mentorados m on m.user_id = u.id",
  );
  expect(rows.rows).toEqual([{ users: 60, profiles: 60 }]);
  expect((await pool.query("select from mentorados")).rowCount).toBe(60);
});

describe("a session", () => {
  test("has the columns of the schema and none of the app's, with times as dates and numbers as numbers", async () => {
    await pool.query("alter table users add column if not exists phone text default '+55'");
    await write([snapshot({ clerkUpdatedAtMs: 1_700_000_000_002, readTicket: 7 })]);
    const { user, mentorado } = await getSession(pool);
    expect(Object.keys(user)).toEqual(Object.keys(getTableColumns(users)));
    expect(Object.keys(mentorado ?? {})).toEqual(Object.keys(getTableColumns(mentorados)));
    expect(user).toMatchObject({
      readTicket: 7,
      clerkUpdatedAt: new Date(1_700_000_000_002),
      deletedAt: null,
    });
    expect(mentorado).toMatchObject({ userId: user.id, metaLeads: 50, createdAt: expect.any(Date) });
    await pool.query("alter table users drop column phone");
  });

  test("is absent without a row, and has no profile where none is linked", async () => {
    expect(await findSession(pool, "user_a")).toBeUndefined();
    await write([snapshot({ isAdmin: true })]);
    expect((await getSession(pool)).mentorado).toBeNull();
  });

  test("is still read after the app changed the type of a column", async () => {
    await write([snapshot()]);
    await inRolledBackTransaction(pool, async (client) => {
      expect((await findSession(client, "user_a"))?.user.name).toBe("A");
      await client.query("alter table users alter column name type varchar(200)");
      expect((await findSession(client, "user_a"))?.user.name).toBe("A");
    });
  });
});
