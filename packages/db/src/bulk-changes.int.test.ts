import type { BulkAction, UserFilter } from "@rollcall/contracts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cancelBulkChange, countSelected, findBulkChange, stageBulkChange } from "./bulk-changes.ts";
import {
  type ClaimedPortion,
  claimPortion,
  dropPortions,
  failPortion,
  finishBulkChange,
  finishPortion,
  halvePortion,
  listOpenBulkChanges,
  PortionLost,
  settlePortion,
  writePortionTier,
} from "./bulk-portions.ts";
import type { Connection, Pool } from "./pool.ts";
import { createTestPool, emptyTables } from "./testing.ts";
import { inTransaction } from "./transaction.ts";
import { readWish } from "./user-list.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(async () => {
  await emptyTables(pool);
  await pool.query("truncate rollcall.bulk_changes cascade");
});
afterAll(() => pool.end());

async function insert(count: number, tier = "FREE"): Promise<void> {
  await pool.query(
    "insert into users (clerk_id, tier) select 'user_' || lpad(n::text, 5, '0'), $2 from generate_series(1, $1) n",
    [count, tier],
  );
}

async function stage(filter: UserFilter, action: BulkAction = { tier: "PRO" }, expected?: number) {
  const { selection } = await readWish(pool, filter);
  return stageBulkChange(pool, { selection: { matching: selection }, action, expected, by: "ana" });
}

const change = { tier: "PRO", by: "ana" };

async function claim(bulkId: number, claimMs = 60_000): Promise<ClaimedPortion> {
  const portion = await claimPortion(pool, bulkId, claimMs);
  if (!portion) throw new Error("No portion is due");
  return portion;
}

/** Does what a worker does, up to the end. */
async function finish(bulkId: number): Promise<void> {
  while (!(await finishBulkChange(pool, bulkId))) {
    const portion = await claim(bulkId);
    await writePortionTier(pool, portion, change);
    await settlePortion(pool, portion);
  }
}

async function countEvents(kind: string): Promise<number> {
  const events = await pool.query<{ count: number }>(
    "select count(*)::int as count from rollcall.events where kind = $1",
    [kind],
  );
  return events.rows[0]?.count ?? 0;
}

async function readTiers(): Promise<Record<string, number>> {
  const tiers = await pool.query<{ tier: string; count: number }>(
    "select tier, count(*)::int as count from users group by tier",
  );
  return Object.fromEntries(tiers.rows.map(({ tier, count }) => [tier, count]));
}

/** A second connection, with a row of the app's locked. */
async function lock(clerkId: string): Promise<Connection> {
  const app = await pool.connect();
  await app.query("begin");
  await app.query("select from users where clerk_id = $1 for update", [clerkId]);
  return app;
}

describe("a selection", () => {
  test("holds the users that match when it is made, without the deleted ones, and no search text", async () => {
    await insert(1_200);
    await pool.query("update users set name = 'Vasco Secret' where id % 2 = 0");
    await pool.query("update users set deleted_at = now() where clerk_id = 'user_00002'");
    const filter = { query: "vasco secret", tier: "FREE" };
    const { selection } = await readWish(pool, filter);
    const matching = (await pool.query("select from users where name is not null and deleted_at is null"))
      .rows.length;
    expect(await countSelected(pool, { matching: selection })).toBe(matching);
    const made = await stage(filter);
    expect(made).toMatchObject({
      action: { tier: "PRO" },
      filter: { tier: "FREE" },
      searched: true,
      state: "waiting",
      matching,
      by: "ana",
    });
    const stored = await pool.query(
      `select to_jsonb(b)::text as row from rollcall.bulk_changes b
       union all select to_jsonb(p)::text from rollcall.bulk_portions p
       union all select to_jsonb(e)::text from rollcall.events e`,
    );
    expect(stored.rows.map(({ row }) => row).join("\n")).not.toMatch(/vasco/i);
    // It would match by now, and is not selected.
    await pool.query("insert into users (clerk_id, name) values ('user_late', 'Vasco Secret')");
    await finish(made.id);
    expect(await readTiers()).toEqual({ PRO: matching, FREE: 1_201 - matching });
    expect(await countEvents("bulk_requested")).toBe(1);
    expect(await countEvents("tier_changed")).toBe(matching);
  });

  test("without a match is done at once", async () => {
    await insert(3);
    expect(await stage({ tier: "GOLD" })).toMatchObject({
      state: "done",
      matching: 0,
      finishedAt: expect.any(String),
    });
    expect(await listOpenBulkChanges(pool)).toEqual([]);
  });

  test("by ids holds those that exist and are live", async () => {
    await insert(3);
    await pool.query("update users set deleted_at = now() where clerk_id = 'user_00001'");
    const selection = { clerkIds: ["user_00001", "user_00002", "user_unknown"] };
    expect(await countSelected(pool, selection)).toBe(1);
    const made = await stageBulkChange(pool, { selection, action: { tier: "PRO" }, expected: 1, by: "ana" });
    expect(made).toMatchObject({ matching: 1, filter: null, searched: false });
  });

  test("that grew since the preview is refused, and one that shrank is not", async () => {
    await insert(3);
    await expect(stage({}, { tier: "PRO" }, 2)).rejects.toMatchObject({ code: "admin.selection_changed" });
    const rows = await pool.query(
      "select from rollcall.bulk_changes union all select from rollcall.bulk_portions",
    );
    expect(rows.rows).toHaveLength(0);
    expect(await countEvents("bulk_requested")).toBe(0);
    expect(await stage({}, { tier: "PRO" }, 4)).toMatchObject({ matching: 3 });
  });

  test("is refused while twenty are not finished", async () => {
    await insert(1);
    for (let count = 0; count < 20; count++) await stage({});
    await expect(stage({})).rejects.toMatchObject({ code: "bulk.too_many" });
  });
});

describe("a tier that the app's column refuses", () => {
  afterEach(async () => {
    await pool.query("drop trigger if exists ours on users");
    await pool.query("alter table users drop constraint if exists ours");
    await pool.query("alter table users alter column tier type text");
    await pool.query("drop domain if exists tier_name; drop table if exists tiers");
  });

  test("by its type is refused before any user is selected", async () => {
    await insert(2);
    await pool.query("alter table users alter column tier type varchar(4)");
    await expect(stage({}, { tier: "LONGER" })).rejects.toMatchObject({
      code: "request.malformed",
      hint: expect.stringContaining("tier"),
    });
    expect((await pool.query("select from rollcall.bulk_changes")).rows).toHaveLength(0);
  });

  test.each([
    [
      "a domain",
      "create domain tier_name as text check (value <> 'PRO'); alter table users alter column tier type tier_name",
    ],
    ["a check", "alter table users add constraint ours check (tier <> 'PRO')"],
    [
      "a foreign key",
      `create table tiers (name text primary key); insert into tiers values ('FREE');
       alter table users add constraint ours foreign key (tier) references tiers`,
    ],
    [
      "a deferred foreign key",
      `create table tiers (name text primary key); insert into tiers values ('FREE');
       alter table users add constraint ours foreign key (tier) references tiers deferrable initially deferred`,
    ],
  ])("by %s is refused before any user is selected, while the app holds a row", async (_name, sql) => {
    await insert(600);
    await pool.query(sql);
    const app = await lock("user_00001");
    try {
      await expect(stage({})).rejects.toMatchObject({
        code: "request.malformed",
        hint: expect.stringContaining("tier"),
      });
    } finally {
      await app.query("rollback");
      app.release();
    }
    const stored = await pool.query(
      "select from rollcall.bulk_changes union all select from rollcall.bulk_portions",
    );
    expect(stored.rows).toHaveLength(0);
    expect(await countEvents("tier_refused")).toBe(0);
    // The rule allows another tier, and the attempt leaves the rows and the transaction as they were.
    expect(await stage({}, { tier: "FREE" })).toMatchObject({ state: "waiting", matching: 600 });
  });

  test("by a rule for the user that is tried fails that user alone", async () => {
    await insert(10);
    await pool.query(
      "alter table users add constraint ours check (tier <> 'PRO' or clerk_id <> 'user_00001')",
    );
    const { id } = await stage({});
    await finish(id);
    expect(await findBulkChange(pool, id)).toMatchObject({ state: "done", done: 9, failed: 1 });
  });

  test("for each user of a whole portion by one rule ends the change, which names the rule", async () => {
    await insert(2_000);
    await pool.query("alter table users add constraint ours check (tier <> 'PRO' or clerk_id is null)");
    const { id } = await stage({});
    expect(await writePortionTier(pool, await claim(id), change)).toMatchObject({
      isHopeless: true,
      hopeless: { rule: "23514 ours" },
    });
    expect(await findBulkChange(pool, id)).toMatchObject({
      state: "failed",
      code: "user.rejected",
      finishedAt: expect.any(String),
      matching: 2_000,
      failed: 500,
      done: 0,
    });
    expect(await countEvents("tier_refused")).toBe(500);
    await dropPortions(pool, id);
    expect(await listOpenBulkChanges(pool)).toEqual([]);
  });

  test("for a whole portion does not end a change that has written a user", async () => {
    await insert(1_500);
    await pool.query(
      "alter table users add constraint ours check (tier <> 'PRO' or clerk_id not between 'user_00002' and 'user_01000')",
    );
    const { id } = await stage({});
    await finish(id);
    expect(await findBulkChange(pool, id)).toMatchObject({ state: "done", done: 501, failed: 999 });
  });

  test.each([
    ["a constraint", "alter table users add constraint ours check (tier <> 'PRO' or clerk_id not like '%7')"],
    [
      "a deferred trigger",
      `create or replace function public.ours() returns trigger language plpgsql as
         $$ begin if new.clerk_id like '%7' then raise exception 'no'; end if; return null; end $$;
       create constraint trigger ours after update on users deferrable initially deferred
         for each row execute function public.ours()`,
    ],
  ])("by %s fails only the users that it refuses", async (_name, sql) => {
    await insert(1_000);
    await pool.query(sql);
    const { id } = await stage({});
    await finish(id);
    expect(await findBulkChange(pool, id)).toMatchObject({
      state: "done",
      matching: 1_000,
      done: 900,
      failed: 100,
    });
    expect(await readTiers()).toEqual({ PRO: 900, FREE: 100 });
    expect(await countEvents("tier_changed")).toBe(900);
    const refused = await pool.query("select * from rollcall.events where kind = 'tier_refused' limit 1");
    expect(refused.rows[0]).toMatchObject({
      clerk_id: expect.stringMatching(/7$/),
      cause: "bulk",
      ref: String(id),
      details: { to: "PRO", by: "ana", code: "user.rejected" },
    });
  });
});

describe("a trigger of the app that is too slow", () => {
  afterEach(async () => {
    await pool.query("drop trigger if exists ours on users");
  });

  /** For a statement that the condition holds for. `changed` has its rows. */
  async function slowDown(
    condition: string,
    sleep = "raise exception using errcode = '57014'",
  ): Promise<void> {
    await pool.query(
      `create or replace function public.ours() returns trigger language plpgsql as
         $$ begin if ${condition} then ${sleep}; end if; return null; end $$;
       create trigger ours after update on users referencing new table as changed
         for each statement execute function public.ours()`,
    );
  }

  test("is stopped by Postgres before the driver gives the connection up", async () => {
    await insert(2);
    const { id } = await stage({});
    await slowDown("true", "perform pg_sleep(60)");
    await expect(writePortionTier(pool, await claim(id), change)).rejects.toMatchObject({
      sqlState: "57014",
    });
    expect(await readTiers()).toEqual({ FREE: 2 });
  });

  /** Does what a worker does. @returns the attempts */
  async function work(id: number): Promise<number> {
    for (let attempts = 0; ; attempts++) {
      await pool.query("update rollcall.bulk_portions set due_at = now()");
      if (await finishBulkChange(pool, id)) return attempts;
      const portion = await claimPortion(pool, id, 60_000);
      if (!portion || (await findBulkChange(pool, id))?.state === "failed") return attempts;
      await writePortionTier(pool, portion, change).catch(() =>
        halvePortion(pool, portion, change, "postgres.unavailable"),
      );
      await settlePortion(pool, portion);
    }
  }

  test("makes the portions smaller, and each user is written once", async () => {
    await insert(600);
    await slowDown("(select count(*) from changed) > 40");
    const { id } = await stage({});
    await work(id);
    expect(await findBulkChange(pool, id)).toMatchObject({ state: "done", done: 600, failed: 0 });
    expect(await countEvents("tier_changed")).toBe(600);
  });

  test("for one user fails this user alone, after ten attempts", async () => {
    await insert(9);
    await slowDown("exists (select from changed where clerk_id = 'user_00005')");
    const { id } = await stage({});
    await work(id);
    expect(await findBulkChange(pool, id)).toMatchObject({ state: "done", done: 8, failed: 1 });
    expect(await countEvents("tier_refused")).toBe(1);
  });

  test("for every user ends the change after ten attempts with one", async () => {
    await insert(500);
    const { id } = await stage({});
    await slowDown("true");
    expect(await work(id)).toBeLessThan(30);
    expect(await findBulkChange(pool, id)).toMatchObject({ state: "failed", code: "postgres.unavailable" });
  });

  test("changes no portion that another process claimed", async () => {
    await insert(2);
    const { id } = await stage({});
    const [first, second] = [await claim(id, 0), await claim(id)];
    await halvePortion(pool, first, change, "postgres.unavailable");
    await writePortionTier(pool, second, change);
    expect(await readTiers()).toEqual({ PRO: 2 });
  });
});

describe("a portion", () => {
  test("is claimed by one process, and by another one when the claim is over", async () => {
    await insert(1);
    const { id } = await stage({});
    const first = await claim(id, 0);
    const second = await claim(id);
    expect(await claimPortion(pool, id, 60_000)).toBeUndefined();
    // The first process was suspended, and goes on.
    await expect(writePortionTier(pool, first, change)).rejects.toThrow(PortionLost);
    expect(await readTiers()).toEqual({ FREE: 1 });
    await writePortionTier(pool, second, change);
    await settlePortion(pool, first);
    expect(await listOpenBulkChanges(pool)).toHaveLength(1);
    await settlePortion(pool, second);
    expect(await finishBulkChange(pool, id)).toBe(true);
    expect(await findBulkChange(pool, id)).toMatchObject({ done: 1, failed: 0, skipped: 0 });
  });

  test("that was written by a process that died keeps its users, whose cache keys are still old", async () => {
    await insert(2);
    const { id } = await stage({});
    await writePortionTier(pool, await claim(id, 0), change);
    expect(await finishBulkChange(pool, id)).toBe(false);
    expect(await claim(id)).toMatchObject({ clerkIds: [], writtenIds: ["user_00001", "user_00002"] });
  });

  test("leaves a locked row for later, and gives it up in the end", async () => {
    await insert(3);
    const { id } = await stage({});
    const app = await lock("user_00002");
    try {
      const first = await claim(id);
      expect(await writePortionTier(pool, first, change)).toMatchObject({ counts: { done: 2, failed: 0 } });
      await settlePortion(pool, first);
      // It comes due later, and not at once.
      expect(await claimPortion(pool, id, 1)).toBeUndefined();
      for (let attempt = 2; attempt <= 10; attempt++) {
        await pool.query("update rollcall.bulk_portions set due_at = now()");
        const again = await claim(id);
        expect(again.clerkIds).toEqual(["user_00002"]);
        await writePortionTier(pool, again, change);
        await settlePortion(pool, again);
      }
      expect(await finishBulkChange(pool, id)).toBe(true);
      expect(await findBulkChange(pool, id)).toMatchObject({ matching: 3, done: 2, failed: 1 });
      expect(await countEvents("tier_refused")).toBe(1);
    } finally {
      await app.query("rollback");
      app.release();
    }
  });

  test("counts users with the tier as done without an event, and deleted users as skipped", async () => {
    await insert(4);
    const { id } = await stage({});
    await pool.query("update users set tier = 'PRO' where clerk_id = 'user_00001'");
    await pool.query("update users set deleted_at = now() where clerk_id = 'user_00002'");
    await pool.query("delete from users where clerk_id = 'user_00003'");
    const portion = await claim(id);
    expect(await writePortionTier(pool, portion, change)).toMatchObject({
      isHopeless: false,
      writtenIds: ["user_00004"],
      counts: { done: 2, failed: 0, skipped: 2 },
    });
    const event = await pool.query("select * from rollcall.events where kind = 'tier_changed'");
    expect(event.rows).toMatchObject([
      {
        clerk_id: "user_00004",
        cause: "bulk",
        ref: String(id),
        details: { from: "FREE", to: "PRO", by: "ana" },
      },
    ]);
  });

  test("that fails ten times for another reason ends the whole change with its code", async () => {
    await insert(1);
    const { id } = await stage({}, { refresh: true });
    for (let attempt = 1; attempt <= 10; attempt++) {
      await pool.query("update rollcall.bulk_portions set due_at = now()");
      expect(await failPortion(pool, await claim(id), "internal")).toBe(attempt === 10);
    }
    expect(await findBulkChange(pool, id)).toMatchObject({ state: "failed", code: "internal" });
  });

  test("of sync jobs counts once, also when two processes added the jobs", async () => {
    await insert(5);
    const { id } = await stage({}, { refresh: true });
    const [first, second] = [await claim(id, 0), await claim(id)];
    await expect(finishPortion(pool, first, { skipped: 0 })).rejects.toThrow(PortionLost);
    await finishPortion(pool, second, { skipped: 1 });
    expect(await findBulkChange(pool, id)).toMatchObject({ done: 4, skipped: 1 });
  });
});

describe("a cancelled change", () => {
  test("writes no further portion, and still lets the cache keys of written users be deleted", async () => {
    await insert(1_200);
    const { id } = await stage({});
    const written = await claim(id);
    await writePortionTier(pool, written, change);
    const begun = await claim(id);
    const cancelled = await inTransaction(pool, (client) => cancelBulkChange(client, id, "bruno"));
    expect(cancelled).toMatchObject({ state: "cancelled", cancelledBy: "bruno", done: 500 });
    expect(await inTransaction(pool, (client) => cancelBulkChange(client, id, "bruno"))).toBeUndefined();
    await expect(writePortionTier(pool, begun, change)).rejects.toThrow(PortionLost);
    expect(await readTiers()).toEqual({ PRO: 500, FREE: 700 });
    expect(await listOpenBulkChanges(pool)).toMatchObject([{ id, isOver: true }]);
    await dropPortions(pool, id);
    expect(await listOpenBulkChanges(pool)).toHaveLength(1);
    await settlePortion(pool, written);
    expect(await listOpenBulkChanges(pool)).toEqual([]);
    expect(await finishBulkChange(pool, id)).toBe(false);
    expect(await countEvents("bulk_cancelled")).toBe(1);
  });
});
