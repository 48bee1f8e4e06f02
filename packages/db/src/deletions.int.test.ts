import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { lockAbsenceGuard } from "./absences.ts";
import { pruneUnknownTombstones, tombstoneAbsent, tombstoneEach, tombstoneUsers } from "./deletions.ts";
import { countUnerased, erasePerson } from "./erasure.ts";
import type { Connection, Pool, Queryable } from "./pool.ts";
import {
  createTestPool,
  emptyTables,
  getSession,
  makeSnapshot,
  untilBlocked,
  writeUsers,
} from "./testing.ts";
import { inTransaction, longestLockWaitMs } from "./transaction.ts";
import type { UserSnapshot } from "./user-columns.ts";
import { changeTier } from "./users.ts";

let pool: Pool;

beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

const snapshot = makeSnapshot;
const write = (snapshots: UserSnapshot[], options?: { turma?: string | null; create?: boolean }) =>
  writeUsers(pool, snapshots, options);

const why = { cause: "webhook", ref: null };

describe("tombstone", () => {
  const remove = (...ids: string[]) =>
    inTransaction(pool, (client) =>
      tombstoneUsers(
        client,
        ids.map((clerkId) => ({ clerkId, by: "signature", ...why })),
      ),
    );

  test.each([
    ["discards the update", "return null"],
    ["restores the row", "return old"],
    ["restores the address", "new.email := old.email; return new"],
  ])("is refused for a user alone whose deletion a trigger of the app undoes: it %s", async (_, body) => {
    await write([snapshot(), snapshot({ clerkId: "user_b", email: "b@example.com" })]);
    await pool.query(`create function undo() returns trigger language plpgsql as $$
      begin if old.clerk_id = 'user_b' and new.deleted_at is not null then ${body}; end if; return new; end $$;
      create trigger undo before update on users for each row execute function undo()`);
    onTestFinished(() => pool.query("drop function undo cascade").then(() => undefined));
    await expect(remove("user_b")).rejects.toMatchObject({ code: "user.rejected" });
    const result = await inTransaction(pool, (client) =>
      tombstoneEach(client, ["user_a", "user_b"], { by: "absence", ...why }),
    );
    expect(result).toEqual({ deleted: ["user_a"], refused: [{ clerkId: "user_b", code: "user.rejected" }] });
    expect((await getSession(pool, "user_b")).mentorado).not.toBeNull();
  });

  test("works while every table is published, as for a replica or an upgrade of the server", async () => {
    await pool.query("create publication everything for all tables");
    onTestFinished(() => pool.query("drop publication everything").then(() => undefined));
    await write([snapshot()]);
    expect(await remove("user_a")).toEqual(new Map([["user_a", "live"]]));
    // Postgres refuses updates and deletions of a published table without one. No publication takes an unlogged table.
    const { rows } = await pool.query(`
      select oid::regclass::text as "table" from pg_class c
      where relkind = 'r' and relpersistence = 'p' and relnamespace::regnamespace::text in ('rollcall', 'public')
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`);
    expect(rows).toEqual([]);
  });

  test("erases personal data, unlinks the profile, and is final", async () => {
    await write([snapshot({ name: "A", imageUrl: "https://img" })]);
    expect(await remove("user_a")).toEqual(new Map([["user_a", "live"]]));
    expect((await getSession(pool)).user).toMatchObject({
      email: null,
      emailVerified: false,
      name: null,
      imageUrl: null,
      deletedAt: expect.any(Date),
    });
    expect((await getSession(pool)).mentorado).toBeNull();
    expect(await write([snapshot({ clerkUpdatedAtMs: 9_000, readTicket: 9 })])).toEqual({
      user_a: "deleted",
    });
    expect((await getSession(pool)).user).toMatchObject({ name: null, deletedAt: expect.any(Date) });
    expect((await pool.query("select user_id, ativo from mentorados")).rows).toEqual([
      { user_id: null, ativo: "nao" },
    ]);
  });

  test("is made also for an unknown user, and twice is the same as once", async () => {
    expect(await remove("user_new")).toEqual(new Map([["user_new", "unknown"]]));
    const first = (await getSession(pool, "user_new")).user.deletedAt;
    expect(await remove("user_new")).toEqual(new Map());
    expect((await getSession(pool, "user_new")).user.deletedAt).toEqual(first);
  });

  /** Marks a row as deleted, as an app with its own `deleted_at` does. */
  async function markDeleted(clerkId: string): Promise<void> {
    await pool.query(
      "update users set deleted_at = '2020-02-02T00:00:00Z', image_url = 'https://img' where clerk_id = $1",
      [clerkId],
    );
  }

  test("erases a user that the app marked as deleted, keeps the app's time, and reports that the user was not live", async () => {
    await write([snapshot(), snapshot({ clerkId: "user_b", email: "b@example.com" })]);
    await markDeleted("user_b");
    const marked = (await getSession(pool, "user_b")).user.deletedAt;
    expect(await countUnerased(pool)).toBe(1);
    expect(await remove("user_a", "user_b")).toEqual(new Map([["user_a", "live"]]));
    expect(await countUnerased(pool)).toBe(0);
    const { user, mentorado } = await getSession(pool, "user_b");
    expect(user).toMatchObject({ email: null, emailVerified: false, name: null, imageUrl: null });
    expect({ mentorado, deletedAt: user.deletedAt }).toEqual({ mentorado: null, deletedAt: marked });
    expect((await pool.query("select user_id, ativo from mentorados")).rows).toEqual(
      Array(2).fill({ user_id: null, ativo: "nao" }),
    );
    const former = await pool.query("select from rollcall.former_profiles where clerk_id = 'user_b'");
    expect(former.rowCount).toBe(1);
    expect(await remove("user_a", "user_b")).toEqual(new Map());
    const recorded = await pool.query(
      "select clerk_id, details from rollcall.events where kind = 'user_tombstoned' order by clerk_id",
    );
    expect(recorded.rows).toEqual([
      { clerk_id: "user_a", details: { by: "signature" } },
      { clerk_id: "user_b", details: { by: "signature", wasDeleted: true } },
    ]);
  });

  test.each(["email", "name", "image_url"])("erases a single %s of such a row too", async (column) => {
    await pool.query(`insert into users (clerk_id, deleted_at, ${column}) values ('user_a', now(), 'left')`);
    await remove("user_a");
    expect((await getSession(pool)).user).toMatchObject({ email: null, name: null, imageUrl: null });
  });

  test("is required for an erasure: a row with personal data is refused, and nothing of it is erased", async () => {
    await write([snapshot()]);
    await markDeleted("user_a");
    const wish = { candidates: [], keepProfile: false };
    const erasure = inTransaction(pool, (client) => erasePerson(client, "user_a", wish));
    await expect(erasure).rejects.toMatchObject({ code: "user.not_deleted" });
    await remove("user_a");
    const erased = await inTransaction(pool, (client) => erasePerson(client, "user_a", wish));
    expect(erased.erased).toHaveLength(1);
    expect((await pool.query("select nome_completo, email from mentorados")).rows).toEqual([
      { nome_completo: "Removed", email: null },
    ]);
  });
});

describe("a tombstone of an id that had no row", () => {
  const day = 24;
  const listIds = async () =>
    (await pool.query("select clerk_id from users order by clerk_id")).rows.map((row) => row.clerk_id);

  async function removeHoursAgo(hours: number, ...ids: string[]): Promise<void> {
    const deletions = ids.map((clerkId) => ({ clerkId, by: "signature", ...why }) as const);
    await inTransaction(pool, (client) => tombstoneUsers(client, deletions));
    const ago = `now() - interval '${hours} hours'`;
    await pool.query(`update users set deleted_at = ${ago} where clerk_id = any ($1)`, [ids]);
    await pool.query(`update rollcall.events set at = ${ago} where clerk_id = any ($1)`, [ids]);
  }

  test("is pruned after a day, and a tombstone of a user that had a row never is", async () => {
    await write([snapshot()]);
    await pool.query("insert into users (clerk_id) values ('user_bare')");
    await removeHoursAgo(day + 1, "user_a", "user_bare", "user_example");
    await removeHoursAgo(day - 1, "user_recent");
    expect(await pruneUnknownTombstones(pool)).toBe(1);
    expect(await listIds()).toEqual(["user_a", "user_bare", "user_recent"]);
    expect(await pruneUnknownTombstones(pool)).toBe(0);
  });

  test("stays if it was revived, got data, or a row of the app references it", async () => {
    await removeHoursAgo(day + 1, "user_alive", "user_named", "user_linked", "user_used");
    await pool.query("update users set deleted_at = null where clerk_id = 'user_alive'");
    await pool.query("update users set name = 'Ada' where clerk_id = 'user_named'");
    const idOf = (clerkId: string) => `(select id from users where clerk_id = '${clerkId}')`;
    await pool.query(
      `insert into mentorados (nome_completo, user_id) values ('Ada', ${idOf("user_linked")})`,
    );
    await pool.query(
      `create table notes (author integer references users (id) on delete cascade);
       insert into notes values (${idOf("user_used")})`,
    );
    expect(await pruneUnknownTombstones(pool)).toBe(0);
    expect(await listIds()).toEqual(["user_alive", "user_linked", "user_named", "user_used"]);
    await pool.query("drop table notes");
    expect(await pruneUnknownTombstones(pool)).toBe(1);
  });
});

describe("beside a transaction of the app", () => {
  let app: Connection;

  beforeEach(async () => {
    await pool.query("insert into users (clerk_id) select 'user_' || n from generate_series(1, 20) n");
    app = await pool.connect();
    await app.query("begin");
    await app.query("set local idle_in_transaction_session_timeout = 0");
    return async () => {
      await app.query("rollback");
      app.release();
    };
  });

  const deletion = { clerkId: "user_7", by: "signature", ...why } as const;
  const lockSeventh = "select from users where clerk_id = 'user_7' for update";

  test.each<[string, (db: Queryable) => Promise<unknown>]>([
    ["a signed deletion", (db) => tombstoneUsers(db, [deletion])],
    ["a deletion by absence", (db) => tombstoneAbsent(db, { clerkId: "user_7", ...why })],
    ["a change of the tier", (db) => changeTier(db, { clerkId: "user_7", tier: "GOLD", by: "ops" })],
  ])(
    "%s of a user whose row the app keeps locked fails for this user, and is no outage",
    async (_what, work) => {
      await app.query(lockSeventh);
      const failure = await inTransaction(pool, work).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "user.rejected", sqlState: "55P03" });
    },
  );

  test("a profile that the app gives a user during the deletion is unlinked too", async () => {
    const given = `insert into mentorados (nome_completo, user_id) select 'given', id from users where clerk_id = 'user_7'`;
    await app.query(given);
    const deleting = inTransaction(pool, (db) => tombstoneUsers(db, [deletion]));
    await Promise.race([deleting, untilBlocked(pool)]);
    await app.query("commit");
    await deleting;
    const profiles = await pool.query("select user_id, ativo from mentorados");
    expect(profiles.rows).toEqual([{ user_id: null, ativo: "nao" }]);
  });

  test("of deletions in one batch only the locked user fails", async () => {
    await app.query(lockSeventh);
    const ids = Array.from({ length: 20 }, (_, index) => `user_${index + 1}`);
    const found = await inTransaction(pool, (db) => tombstoneEach(db, ids, { by: "person", ...why }));
    expect(found.refused).toEqual([{ clerkId: "user_7", code: "user.rejected" }]);
    expect(found.deleted.toSorted()).toEqual(ids.filter((id) => id !== "user_7").toSorted());
    const living = await pool.query("select clerk_id from users where deleted_at is null");
    expect(living.rows).toEqual([{ clerk_id: "user_7" }]);
  });

  test("a long wait for other deletions by absence is no failure", async () => {
    await lockAbsenceGuard(app);
    const deletion = inTransaction(pool, (db) => tombstoneAbsent(db, { clerkId: "user_7", ...why }));
    // Longer than any wait for a row.
    await sleep(longestLockWaitMs + 500);
    await app.query("rollback");
    expect(await deletion).toBe("tombstoned");
  });
});
