import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pool } from "../pool.ts";
import { createTestPool, emptyTables } from "../testing.ts";
import { inTransaction } from "../transaction.ts";
import { applySnapshots } from "./apply-snapshots.ts";
import { countUnerased } from "./count-unerased.ts";
import { erasePerson } from "./erase-person.ts";
import { findSession } from "./find-session.ts";
import { giveProfiles, type ProfileDefaults } from "./give-profiles.ts";
import { tombstoneUsers } from "./tombstone-users.ts";
import type { UserSnapshot } from "./user-snapshot.ts";

let pool: Pool;
const defaults: ProfileDefaults = { nomeCompleto: "New User", turma: "neon", create: true };

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

const why = { cause: "webhook", ref: "msg_1" };

function snapshot(fields: Partial<UserSnapshot> = {}): UserSnapshot {
  return {
    clerkId: "user_a",
    email: "a@example.com",
    emailVerified: true,
    name: "A",
    imageUrl: null,
    isAdmin: false,
    banned: false,
    clerkCreatedAtMs: 1_000,
    clerkUpdatedAtMs: 1_000,
    readTicket: 1,
    ...why,
    ...fields,
  };
}

function write(snapshots: UserSnapshot[], turma: string | null = null, options = defaults) {
  return inTransaction(pool, async (client) => {
    await applySnapshots(client, snapshots);
    const requests = snapshots.map(({ clerkId }) => ({ clerkId, turma, secondaryEmails: [], ...why }));
    const given = await giveProfiles(client, requests, options);
    return Object.fromEntries(given.map(({ clerkId, outcome }) => [clerkId, outcome]));
  });
}

async function getSession(clerkId = "user_a") {
  const session = await findSession(pool, clerkId);
  if (!session) throw new Error(`No row for ${clerkId}`);
  return session;
}

describe("order", () => {
  test("a newer version wins and an older one never does", async () => {
    await write([snapshot({ name: "second", clerkUpdatedAtMs: 2_000, readTicket: 1 })]);
    await write([snapshot({ name: "first", clerkUpdatedAtMs: 1_000, readTicket: 9 })]);
    expect((await getSession()).user).toMatchObject({ name: "second", readTicket: 1 });
    await write([snapshot({ name: "third", clerkUpdatedAtMs: 3_000, readTicket: 2 })]);
    expect((await getSession()).user.name).toBe("third");
  });

  test("on equal stamps the later read wins", async () => {
    await write([snapshot({ name: "read later", readTicket: 5 })]);
    await write([snapshot({ name: "read earlier", readTicket: 4 })]);
    expect((await getSession()).user.name).toBe("read later");
    await write([snapshot({ name: "read last", readTicket: 6 })]);
    expect((await getSession()).user.name).toBe("read last");
  });

  test("a read that found nothing changed still outdates the reads before it", async () => {
    await write([snapshot({ name: "now", readTicket: 1 })]);
    await write([snapshot({ name: "now", readTicket: 9 })]);
    await write([snapshot({ name: "then", readTicket: 5 })]);
    expect((await getSession()).user).toMatchObject({ name: "now", readTicket: 9 });
  });

  test("milliseconds count", async () => {
    await write([snapshot({ name: "later", clerkUpdatedAtMs: 1_700_000_000_002, readTicket: 1 })]);
    await write([snapshot({ name: "earlier", clerkUpdatedAtMs: 1_700_000_000_001, readTicket: 2 })]);
    expect((await getSession()).user.name).toBe("later");
    expect((await getSession()).user.clerkUpdatedAt?.getTime()).toBe(1_700_000_000_002);
  });

  test("a row that the app made before Rollcall came is older than anything", async () => {
    await pool.query("insert into users (clerk_id, name) values ('user_a', 'from the app')");
    await write([snapshot({ name: "from Clerk" })]);
    expect((await getSession()).user.name).toBe("from Clerk");
  });

  test("updated_at moves only when something that people see changed", async () => {
    await write([snapshot()]);
    const before = (await getSession()).user.updatedAt;
    await write([snapshot({ readTicket: 2, clerkUpdatedAtMs: 2_000 })]);
    expect((await getSession()).user.updatedAt).toEqual(before);
    await write([snapshot({ readTicket: 3, clerkUpdatedAtMs: 3_000, name: "changed" })]);
    expect((await getSession()).user.updatedAt).not.toEqual(before);
  });
});

describe("what is never written", () => {
  test("the tier", async () => {
    await write([snapshot()]);
    await pool.query("update users set tier = 'GOLD'");
    await write([snapshot({ readTicket: 2 })]);
    expect((await getSession()).user.tier).toBe("GOLD");
  });

  test("what people edited in their profile", async () => {
    await write([snapshot()]);
    await pool.query("update mentorados set nome_completo = 'Edited', turma = 'other', meta_leads = 7");
    await write([snapshot({ readTicket: 2, clerkUpdatedAtMs: 2_000, name: "Renamed" })], "neon_2");
    expect((await getSession()).mentorado).toMatchObject({
      nomeCompleto: "Edited",
      turma: "other",
      metaLeads: 7,
    });
  });
});

describe("role", () => {
  test("public metadata promotes and, when it is gone, demotes", async () => {
    await write([snapshot()]);
    await write([snapshot({ readTicket: 2, isAdmin: true })]);
    expect((await getSession()).user).toMatchObject({ role: "admin", roleSource: "clerk" });
    await write([snapshot({ readTicket: 3 })]);
    expect((await getSession()).user).toMatchObject({ role: "user", roleSource: null });
  });

  test("an admin that the app made stays one", async () => {
    await write([snapshot()]);
    await pool.query("update users set role = 'admin'");
    await write([snapshot({ readTicket: 2, clerkUpdatedAtMs: 2_000 })]);
    expect((await getSession()).user.role).toBe("admin");
  });

  test("an admin of Clerk's that the app demoted stays demoted", async () => {
    await write([snapshot({ isAdmin: true })]);
    await pool.query("update users set role = 'user'");
    await write([snapshot({ isAdmin: true, readTicket: 2, clerkUpdatedAtMs: 2_000 })]);
    expect((await getSession()).user.role).toBe("user");
  });
});

describe("profile", () => {
  test("is made with the defaults", async () => {
    expect(await write([snapshot({ name: null, email: null, emailVerified: false })])).toEqual({
      user_a: "created",
    });
    expect((await getSession()).mentorado).toMatchObject({
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
    await write([snapshot({ name: "Ada", imageUrl: "https://img" })], "neon_2");
    expect((await getSession()).mentorado).toMatchObject({
      nomeCompleto: "Ada",
      email: "a@example.com",
      fotoUrl: "https://img",
      turma: "neon_2",
    });
  });

  test("is kept when there is one, also when the snapshot was too old to write", async () => {
    await write([snapshot({ readTicket: 5 })]);
    expect(await write([snapshot({ readTicket: 1 })])).toEqual({ user_a: "kept" });
    expect((await pool.query("select from mentorados")).rowCount).toBe(1);
  });

  test.each([
    ["admin", { isAdmin: true }, defaults],
    ["banned", { banned: true }, defaults],
    ["not_made", {}, { ...defaults, create: false }],
  ] as const)("is not made: %s", async (outcome, fields, options) => {
    expect(await write([snapshot(fields)], null, options)).toEqual({ user_a: outcome });
    expect((await pool.query("select from mentorados")).rowCount).toBe(0);
  });

  test("is made when an admin is demoted or a ban lifted", async () => {
    await write([snapshot({ isAdmin: true })]);
    expect(await write([snapshot({ readTicket: 2 })])).toEqual({ user_a: "created" });
  });

  test("believes the row, not the snapshot: an old read of a banned user makes nothing", async () => {
    await write([snapshot({ banned: true, clerkUpdatedAtMs: 2_000 })]);
    expect(await write([snapshot({ banned: false, clerkUpdatedAtMs: 1_000, readTicket: 9 })])).toEqual({
      user_a: "banned",
    });
  });
});

describe("tombstone", () => {
  const bury = (...ids: string[]) =>
    inTransaction(pool, (client) =>
      tombstoneUsers(
        client,
        ids.map((clerkId) => ({ clerkId, by: "signature", ...why })),
      ),
    );

  test("erases the person, unlinks the profile, and is final", async () => {
    await write([snapshot({ name: "A", imageUrl: "https://img" })]);
    expect(await bury("user_a")).toEqual(new Set(["user_a"]));
    expect((await getSession()).user).toMatchObject({
      email: null,
      emailVerified: false,
      name: null,
      imageUrl: null,
      deletedAt: expect.any(Date),
    });
    expect((await getSession()).mentorado).toBeNull();
    expect(await write([snapshot({ clerkUpdatedAtMs: 9_000, readTicket: 9 })])).toEqual({
      user_a: "deleted",
    });
    expect((await getSession()).user).toMatchObject({ name: null, deletedAt: expect.any(Date) });
    expect((await pool.query("select user_id, ativo from mentorados")).rows).toEqual([
      { user_id: null, ativo: "nao" },
    ]);
  });

  test("stands also for a user never seen, and twice is the same as once", async () => {
    expect(await bury("user_new")).toEqual(new Set(["user_new"]));
    const first = (await getSession("user_new")).user.deletedAt;
    expect(await bury("user_new")).toEqual(new Set());
    expect((await getSession("user_new")).user.deletedAt).toEqual(first);
  });

  /** As an app does that has a `deleted_at` of its own. */
  async function markDeleted(clerkId: string): Promise<void> {
    await pool.query(
      "update users set deleted_at = '2020-02-02T00:00:00Z', image_url = 'https://img' where clerk_id = $1",
      [clerkId],
    );
  }

  test("erases whom the app had marked as deleted, at the time that it said, and tells that they were not alive", async () => {
    await write([snapshot(), snapshot({ clerkId: "user_b", email: "b@example.com" })]);
    await markDeleted("user_b");
    const marked = (await getSession("user_b")).user.deletedAt;
    expect(await countUnerased(pool)).toBe(1);
    expect(await bury("user_a", "user_b")).toEqual(new Set(["user_a"]));
    expect(await countUnerased(pool)).toBe(0);
    const { user, mentorado } = await getSession("user_b");
    expect(user).toMatchObject({ email: null, emailVerified: false, name: null, imageUrl: null });
    expect({ mentorado, deletedAt: user.deletedAt }).toEqual({ mentorado: null, deletedAt: marked });
    expect((await pool.query("select user_id, ativo from mentorados")).rows).toEqual(
      Array(2).fill({ user_id: null, ativo: "nao" }),
    );
    const former = await pool.query("select from rollcall.former_profiles where clerk_id = 'user_b'");
    expect(former.rowCount).toBe(1);
    expect(await bury("user_a", "user_b")).toEqual(new Set());
    const told = await pool.query(
      "select clerk_id, details from rollcall.events where kind = 'user_tombstoned' order by clerk_id",
    );
    expect(told.rows).toEqual([
      { clerk_id: "user_a", details: { by: "signature" } },
      { clerk_id: "user_b", details: { by: "signature", wasDeleted: true } },
    ]);
  });

  test.each(["email", "name", "image_url"])("takes a lone %s from such a row, too", async (column) => {
    await pool.query(`insert into users (clerk_id, deleted_at, ${column}) values ('user_a', now(), 'left')`);
    await bury("user_a");
    expect((await getSession()).user).toMatchObject({ email: null, name: null, imageUrl: null });
  });

  test("is what an erasure asks for: a row that holds somebody is refused, and nothing of it is erased", async () => {
    await write([snapshot()]);
    await markDeleted("user_a");
    const wish = { candidates: [], keepProfile: false };
    const erasure = inTransaction(pool, (client) => erasePerson(client, "user_a", wish));
    await expect(erasure).rejects.toMatchObject({ code: "user.not_deleted" });
    await bury("user_a");
    const erased = await inTransaction(pool, (client) => erasePerson(client, "user_a", wish));
    expect(erased.erased).toHaveLength(1);
    expect((await pool.query("select nome_completo, email from mentorados")).rows).toEqual([
      { nome_completo: "Removed", email: null },
    ]);
  });
});

test("overlapping batches in opposite order end without a deadlock and with one profile each", async () => {
  const ids = Array.from({ length: 60 }, (_, index) => `user_${index}`);
  const batch = (order: string[], ticket: number) =>
    write(order.map((clerkId) => snapshot({ clerkId, email: `${clerkId}@example.com`, readTicket: ticket })));
  await Promise.all(
    Array.from({ length: 8 }, (_, round) => batch(round % 2 ? ids : ids.toReversed(), round + 1)),
  );
  const rows = await pool.query(
    "select count(*)::int as users, count(distinct m.user_id)::int as profiles from users u join mentorados m on m.user_id = u.id",
  );
  expect(rows.rows).toEqual([{ users: 60, profiles: 60 }]);
  expect((await pool.query("select from mentorados")).rowCount).toBe(60);
});

test("a profile that the app inserts at the same moment is kept, not doubled", async () => {
  await write([snapshot()], null, { ...defaults, create: false });
  const { id } = (await getSession()).user;
  const app = await pool.connect();
  await app.query("begin");
  await app.query("insert into mentorados (user_id, nome_completo) values ($1, 'by the app')", [id]);
  const ours = write([snapshot({ readTicket: 2 })]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await app.query("commit");
  app.release();
  expect(await ours).toEqual({ user_a: "kept" });
  expect((await getSession()).mentorado?.nomeCompleto).toBe("by the app");
});
