import { getTableColumns } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { tombstoneUsers } from "./deletions.ts";
import { PostgresError, readSqlState } from "./errors.ts";
import type { Pool, Queryable } from "./pool.ts";
import { mentorados, users } from "./schema.ts";
import {
  createMappedPool,
  createTestPool,
  emptyTables,
  getSession,
  makeSnapshot,
  untilBlocked,
  writeUsers,
} from "./testing.ts";
import { inRolledBackTransaction, inTransaction } from "./transaction.ts";
import type { UserSnapshot } from "./user-columns.ts";
import { applySnapshots, findSession, nextReadSequence } from "./users.ts";

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

  test("a read after a failover that lost draws still wins over a read before", async () => {
    const before = await nextReadSequence(pool);
    await write([snapshot({ name: "read before", readTicket: before })]);
    await pool.query("select setval('rollcall.read_sequence', $1)", [before + 500]);
    const lost = await nextReadSequence(pool);
    await write([snapshot({ name: "read before, written after", readTicket: lost })]);
    // As a replica that lacks the last draws has it.
    await pool.query("select setval('rollcall.read_sequence', $1)", [before]);
    const after = await nextReadSequence(pool);
    expect(after).toBe(lost + 1);
    await write([snapshot({ name: "read after", readTicket: after })]);
    expect((await getSession(pool)).user.name).toBe("read after");
    expect(await nextReadSequence(pool)).toBe(after + 1);
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

describe("numbers of the users' key", () => {
  const lastId = async (db = pool, table = "public.users", column = "id") =>
    Number(
      (
        await db.query("select pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass) as last", [
          table,
          column,
        ])
      ).rows[0].last,
    );

  const remove = (clerkId: string) =>
    inTransaction(pool, (client) =>
      tombstoneUsers(client, [{ clerkId, by: "signature", cause: "webhook", ref: null }]),
    );

  test("a known user takes none, and a new one takes one", async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `user_${index}`);
    const refresh = (clerkIds: string[], readTicket: number, name = "A") =>
      write(clerkIds.map((clerkId) => snapshot({ clerkId, email: null, readTicket, name })));
    await refresh(ids, 1);
    const before = await lastId();
    await refresh(ids, 2);
    await refresh(ids, 3, "changed");
    await write([snapshot({ clerkId: "user_7", readTicket: 4, unread: ["email"] })]);
    for (let time = 0; time < 2; time++) await remove("user_8");
    expect(await lastId()).toBe(before);
    await refresh([...ids, "user_new"], 5);
    expect(await lastId()).toBe(before + 1);
    expect((await pool.query("select max(id) as id from users")).rows).toEqual([{ id: before + 1 }]);
  });

  test("known users are still written and deleted when the sequence is at its end", async () => {
    await write([snapshot(), snapshot({ clerkId: "user_gone", email: null })]);
    const before = await lastId();
    await pool.query("select setval('users_id_seq', 2147483647)");
    const known = await write([snapshot({ readTicket: 2, name: "changed" })]).catch(String);
    const deleted = await remove("user_gone").catch(String);
    const added = await write([snapshot({ clerkId: "user_b" })]).catch(readSqlState);
    await pool.query("select setval('users_id_seq', $1)", [before]);
    expect([known, deleted, added]).toEqual([{ user_a: "kept" }, new Map([["user_gone", "live"]]), "2200H"]);
    expect((await getSession(pool)).user.name).toBe("changed");
  });

  test("are looked up once for a batch, also by a plan of the time when the table was small", async () => {
    const refresh = (client: Queryable, clerkIds: string[], readTicket: number) =>
      applySnapshots(
        client,
        clerkIds.map((clerkId) => snapshot({ clerkId, email: null, readTicket })),
      );
    await refresh(
      pool,
      Array.from({ length: 60 }, (_, index) => `user_${index}`),
      1,
    );
    await pool.query("analyze users");
    const read = await inRolledBackTransaction(pool, async (client) => {
      for (let time = 2; time < 14; time++) await refresh(client, ["user_1"], time);
      await client.query(
        "insert into users (clerk_id) select 'user_many' || i from generate_series(1, 5000) i",
      );
      const countRead = async () =>
        Number(
          (
            await client.query(
              "select seq_tup_read as n from pg_stat_xact_user_tables where relname = 'users'",
            )
          ).rows[0].n,
        );
      const before = await countRead();
      await refresh(
        client,
        Array.from({ length: 100 }, (_, index) => `user_many${index + 1}`),
        20,
      );
      return (await countRead()) - before;
    });
    expect(read).toBeLessThan(3 * 5_060);
  });

  test("a user whose row appears meanwhile keeps that row, and the batch waits in the order of Clerk ids", async () => {
    await write([snapshot({ clerkId: "user_b" })]);
    const row = await inTransaction(pool, async (client) => {
      await client.query("insert into users (clerk_id, name) values ('user_a', 'from the app')");
      const batch = write([snapshot({ readTicket: 2, name: "Clerk's" }), snapshot({ clerkId: "user_b" })]);
      await untilBlocked(pool);
      // The batch holds no row behind the one for which it waits.
      await client.query("select from users where clerk_id = 'user_b' for update nowait");
      return { batch, id: (await client.query("select id from users where clerk_id = 'user_a'")).rows[0].id };
    });
    await row.batch;
    expect((await getSession(pool)).user).toMatchObject({ id: row.id, name: "Clerk's" });
  });

  test("an identity column gives them as well, and the write after one that failed asks for the default again", async () => {
    const mapped = await createMappedPool(
      {
        users: {
          table: "accounts",
          key: { column: "id", type: "bigint" },
          state: "added",
          columns: { clerkId: "clerk_id" },
        },
        profile: null,
      },
      "create table public.accounts (id bigint generated always as identity primary key, clerk_id text not null unique)",
    );
    const put = (...clerkIds: string[]) =>
      applySnapshots(
        mapped,
        clerkIds.map((clerkId, index) => snapshot({ clerkId, readTicket: index })),
      );
    await put("user_a");
    const before = await lastId(mapped, "public.accounts");
    await put("user_a", "user_b", "user_a2");
    expect(await lastId(mapped, "public.accounts")).toBe(before + 2);
    await mapped.query(`
      alter table public.accounts alter column id drop identity;
      create sequence public.numbers start 70;
      alter table public.accounts alter column id set default nextval('public.numbers')`);
    await expect(put("user_c")).rejects.toBeInstanceOf(PostgresError);
    await put("user_a", "user_c");
    const made = await mapped.query("select id::int from public.accounts where clerk_id = 'user_c'");
    expect(made.rows).toEqual([{ id: 70 }]);
    await mapped.end();
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
