import type { Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import * as db from "./index.ts";
import { migrateUp } from "./migrate/migrate.ts";
import { createPool, type Pool } from "./pool.ts";
import { createMappedPool, getSession, makeSnapshot, untilBlocked, writeUsers } from "./testing.ts";
import { applySnapshots } from "./users.ts";

type Columns = Mapping["users"]["columns"];

const map = (columns: Partial<Columns>, profile: Mapping["profile"] = null): Mapping => ({
  users: {
    table: "app.people",
    key: { column: "id", type: "integer" },
    state: "separate",
    columns: { clerkId: "clerk", ...columns },
  },
  profile,
});

const people = `
create schema app;
create table app.people (
  id int generated always as identity primary key, clerk text unique, mail text, verified boolean, called text, image text,
  kind text, plan text, is_banned boolean, gone_at timestamptz, made_at timestamptz, changed_at timestamptz, phone text
);
`;

const everyField: Columns = {
  clerkId: "clerk",
  email: "mail",
  emailVerified: "verified",
  name: "called",
  imageUrl: "image",
  role: "kind",
  tier: "plan",
  banned: "is_banned",
  deletedAt: "gone_at",
  createdAt: "made_at",
  updatedAt: "changed_at",
};

const deletion = { by: "signature", cause: "webhook", ref: null } as const;
const tombstone = (pool: Pool, ...ids: string[]) =>
  db.inTransaction(pool, (client) =>
    db.tombstoneUsers(
      client,
      ids.map((clerkId) => ({ clerkId, ...deletion })),
    ),
  );

const empty = (pool: Pool) =>
  pool.query(`truncate ${[pool.tables.users, pool.tables.profile].flatMap((one) => one?.table ?? []).join(", ")},
    rollcall.user_states, rollcall.profile_links, rollcall.events, rollcall.held_deletions, rollcall.conflicts,
    rollcall.bulk_changes, rollcall.former_profiles, rollcall.claimed_profiles cascade`);

const listKinds = async (pool: Pool) =>
  (await pool.query("select kind from rollcall.events order by id")).rows.map(({ kind }) => kind);

describe("whichever fields the mapping names", () => {
  let url: string;
  beforeAll(async () => {
    url = await createDatabase(inject("postgresUrl"));
    const pool = open(map({}));
    await pool.query(people);
    await migrateUp(pool);
    await pool.end();
  });

  const open = (mapping: Mapping) =>
    // The tables of Rollcall are the same for all of these mappings.
    createPool({
      ...{ databaseUrl: url, mapping, checksMapping: false },
      applicationName: "test",
      onIdleError: () => undefined,
    });

  const fields = Object.entries(everyField).filter(([field]) => field !== "clerkId");
  const one = fields.map(([field, column]) => [field, { [field]: column }] as const);
  const allButOne = fields.map(
    ([field]) =>
      [`all but ${field}`, Object.fromEntries(fields.filter(([other]) => other !== field))] as const,
  );

  test.each<readonly [string, Partial<Columns>]>([["none", {}], ["all", everyField], ...one, ...allButOne])(
    "%s: a user is written, changed, upgraded and erased",
    async (_, columns) => {
      const pool = open(map(columns));
      onTestFinished(() => pool.end());
      await empty(pool);
      const named = (field: keyof Columns) => columns[field] !== undefined;
      await writeUsers(pool, [
        makeSnapshot({ imageUrl: "https://img" }),
        makeSnapshot({ clerkId: "user_b" }),
      ]);
      const { user } = await getSession(pool);
      expect(user).toMatchObject({
        ...{ clerkId: "user_a", email: "a@example.com", emailVerified: true, role: "user", tier: "FREE" },
        ...{ name: named("name") ? "A" : null, imageUrl: named("imageUrl") ? "https://img" : null },
        ...{ banned: false, deletedAt: null },
      });
      for (const time of [user.createdAt, user.updatedAt])
        expect(Math.abs(time.getTime() - Date.now())).toBeLessThan(60_000);

      const admin = { isAdmin: true, banned: true, clerkUpdatedAtMs: 2_000, readTicket: 2 };
      await writeUsers(pool, [makeSnapshot({ ...admin, email: "new@example.com" })]);
      const partly = {
        email: null,
        emailVerified: false,
        unread: ["email", "email_verified", "role"] as const,
      };
      await writeUsers(pool, [
        makeSnapshot({ ...partly, banned: true, clerkUpdatedAtMs: 3_000, readTicket: 3 }),
      ]);
      const changed = { email: "new@example.com", emailVerified: true, role: "admin", banned: true };
      expect((await getSession(pool)).user).toMatchObject(changed);
      // Neither an older version nor an older read of the same one changes a thing.
      await writeUsers(pool, [makeSnapshot({ email: "old@example.com", readTicket: 9 })]);
      await writeUsers(pool, [
        makeSnapshot({ email: "old@example.com", clerkUpdatedAtMs: 3_000, readTicket: 2 }),
      ]);
      expect((await getSession(pool)).user).toMatchObject(changed);

      await db.inTransaction(pool, (client) =>
        db.changeTier(client, { clerkId: "user_a", tier: "PRO", by: "ops" }),
      );
      expect((await getSession(pool)).user.tier).toBe("PRO");
      await db.stageBulkChange(pool, {
        selection: { clerkIds: ["user_a", "user_b", "user_gone"] },
        action: { tier: "GOLD" },
        expected: undefined,
        by: "ops",
      });
      const [bulk] = await db.listOpenBulkChanges(pool);
      const portion = await db.claimPortion(pool, bulk?.id ?? 0, 60_000);
      if (!portion) throw new Error("No portion");
      const { counts, writtenIds } = await db.writePortionTier(pool, portion, { tier: "GOLD", by: "ops" });
      expect({ counts, writtenIds: writtenIds.toSorted() }).toEqual({
        counts: { done: 2, failed: 0, skipped: 0 },
        writtenIds: ["user_a", "user_b"],
      });
      expect((await getSession(pool)).user.tier).toBe("GOLD");

      expect(Object.fromEntries(await tombstone(pool, "user_a", "user_new"))).toEqual({
        user_a: "live",
        user_new: "unknown",
      });
      const gone = await getSession(pool);
      expect(db.isErased(gone)).toBe(true);
      expect(gone.user).toMatchObject({ id: user.id, emailVerified: false, role: "admin", tier: "GOLD" });
      expect((await getSession(pool, "user_new")).user).toMatchObject({ role: "user", banned: false });
      await writeUsers(pool, [makeSnapshot({ clerkUpdatedAtMs: 9_000, readTicket: 9 })]);
      expect(db.isErased(await getSession(pool))).toBe(true);
      expect(await listKinds(pool)).toEqual([
        ...["user_created", "user_created", "user_updated", "tier_changed", "bulk_requested"],
        ...["tier_changed", "tier_changed", "user_tombstoned", "user_tombstoned"],
      ]);
      const held = await pool.query("select to_jsonb(s)::text as row from rollcall.user_states s");
      expect(JSON.stringify(held.rows)).not.toMatch(/new@example|https/);

      // The app deletes its rows. Nothing of their state comes back.
      await pool.query("delete from app.people");
      await writeUsers(pool, [makeSnapshot()]);
      expect((await getSession(pool)).user).toMatchObject({
        ...{ role: "user", roleSource: null, tier: "FREE", banned: false, deletedAt: null, readTicket: 1 },
      });
      expect(Object.fromEntries(await tombstone(pool, "user_b"))).toEqual({ user_b: "unknown" });
      expect((await getSession(pool, "user_b")).user).toMatchObject({
        ...{ role: "user", tier: "FREE", banned: false, clerkUpdatedAt: null, readTicket: null },
      });
    },
  );
});

describe("users of an app that keeps its table as it is", () => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await createMappedPool(
      map({ email: "mail", name: "called", tier: "plan", deletedAt: "gone_at", updatedAt: "changed_at" }),
      people,
    );
  });
  afterAll(() => pool?.end());
  beforeEach(() => empty(pool));

  const makeRow = (clerk: string | null, values = "") =>
    pool.query(`insert into app.people (clerk${values && ", mail"}) values ($1${values && ", $2"})`, [
      clerk,
      ...(values ? [values] : []),
    ]);
  const readRow = async (clerk = "user_a") =>
    (await pool.query("select *, xmin::text as version from app.people where clerk = $1", [clerk])).rows[0];

  test("a row that the app made counts as never synced, and a row without a Clerk id as no user", async () => {
    await makeRow("user_a", "app@example.com");
    await makeRow(null, "none@example.com");
    expect(await db.countUsersWhenDue(pool)).toEqual({ live: 1, held: 0 });
    expect((await getSession(pool)).user).toMatchObject({
      ...{ email: "app@example.com", emailVerified: false, role: "user", tier: "FREE", banned: false },
      ...{ deletedAt: null, clerkUpdatedAt: null, readTicket: null },
    });
    const page = { cursor: undefined, limit: 5 };
    const listed = await db.listUsers(pool, { filter: { tier: "FREE" }, ...page });
    expect(listed.items).toMatchObject([{ clerkId: "user_a", columns: { phone: null } }]);
    const snapshot = makeSnapshot();
    expect(await db.findDrift(pool, [snapshot], true)).toEqual(new Map([["user_a", "older_row"]]));
    await writeUsers(pool, [snapshot]);
    expect(await db.findDrift(pool, [snapshot], true)).toEqual(new Map());
    expect(await listKinds(pool)).toEqual(["user_updated"]);
    expect(await readRow()).toMatchObject({ mail: "a@example.com", called: "A", plan: null });
  });

  test("the app's row is written only when a value of it changes", async () => {
    await writeUsers(pool, [makeSnapshot()]);
    const { version } = await readRow();
    await writeUsers(pool, [makeSnapshot({ clerkUpdatedAtMs: 2_000, readTicket: 2 })]);
    expect((await getSession(pool)).user.readTicket).toBe(2);
    expect((await readRow()).version).toBe(version);
  });

  test.each([
    ["that is new", async () => undefined],
    ["that has a row", () => writeUsers(pool, [makeSnapshot({ readTicket: 0 })])],
    [
      "whose row the app deleted",
      async () => {
        await writeUsers(pool, [
          makeSnapshot({ readTicket: 0 }),
          makeSnapshot({ clerkId: "user_b", readTicket: 0 }),
        ]);
        await pool.query("delete from app.people");
      },
    ],
  ])("of two writers of a user %s, the later one waits, and the older version loses", async (_, prepare) => {
    await prepare();
    const [first, second] = [await pool.connect(), await pool.connect()];
    try {
      await first.query("begin");
      const newer = makeSnapshot({ email: "newer@example.com", clerkUpdatedAtMs: 2_000, readTicket: 2 });
      const apply = () => applySnapshots(first, [newer, makeSnapshot({ clerkId: "user_b" })]);
      // The first writer has the locks, and may not have written yet.
      const locked = await first.query("select from rollcall.user_states for update");
      if (locked.rows.length === 0) await apply();
      await second.query("begin");
      const older = applySnapshots(second, [
        makeSnapshot({ clerkId: "user_b", email: "b@example.com", readTicket: 3 }),
        makeSnapshot({ email: "older@example.com" }),
      ]);
      await untilBlocked(pool);
      if (locked.rows.length > 0) await apply();
      await first.query("commit");
      await older;
      await second.query("commit");
    } finally {
      first.release(true);
      second.release(true);
    }
    expect((await getSession(pool)).user).toMatchObject({ email: "newer@example.com", readTicket: 2 });
    expect((await getSession(pool, "user_b")).user).toMatchObject({ email: "b@example.com" });
    expect((await pool.query("select from app.people")).rows).toHaveLength(2);
  });

  test("a row that the app marks as deleted at this moment gets no value any more", async () => {
    await writeUsers(pool, [makeSnapshot()]);
    const app = await pool.connect();
    try {
      await app.query("begin");
      await app.query("update app.people set gone_at = now(), mail = null, called = null");
      const written = writeUsers(pool, [makeSnapshot({ name: "New", clerkUpdatedAtMs: 2_000 })]);
      await untilBlocked(pool);
      await app.query("commit");
      await written;
    } finally {
      app.release(true);
    }
    expect(await readRow()).toMatchObject({ mail: null, called: null });
  });

  test("a deletion waits for a write of the user, and stays final", async () => {
    const first = await pool.connect();
    try {
      await first.query("begin");
      await applySnapshots(first, [makeSnapshot()]);
      const deleted = tombstone(pool, "user_a");
      await untilBlocked(pool);
      await first.query("commit");
      expect(Object.fromEntries(await deleted)).toEqual({ user_a: "live" });
    } finally {
      first.release(true);
    }
    await writeUsers(pool, [makeSnapshot({ clerkUpdatedAtMs: 5_000, readTicket: 5 })]);
    expect(await readRow()).toMatchObject({ mail: null, called: null, gone_at: expect.any(Date) });
  });

  test("a row that the app deleted is a new user again, without anything of the old state", async () => {
    await writeUsers(pool, [
      makeSnapshot({ isAdmin: true, banned: true, clerkUpdatedAtMs: 9_000, readTicket: 1 }),
    ]);
    await pool.query("delete from app.people");
    expect(await db.findSession(pool, "user_a")).toBeUndefined();
    expect(await db.countUsersWhenDue(pool)).toEqual({ live: 0, held: 0 });
    expect((await db.findDrift(pool, [makeSnapshot()], true)).get("user_a")).toBe("missing_row");
    await writeUsers(pool, [makeSnapshot()]);
    expect((await getSession(pool)).user).toMatchObject({ role: "user", roleSource: null, banned: false });
    await tombstone(pool, "user_a");
    await pool.query("delete from app.people");
    await writeUsers(pool, [makeSnapshot({ readTicket: 2 })]);
    expect((await getSession(pool)).user).toMatchObject({ deletedAt: null, email: "a@example.com" });
  });

  test("a row that the app makes at this moment becomes the user's", async () => {
    const app = await pool.connect();
    try {
      await app.query("begin");
      await app.query("insert into app.people (clerk, phone) values ('user_a', '1')");
      const written = writeUsers(pool, [makeSnapshot()]);
      await untilBlocked(pool);
      await app.query("commit");
      await written;
    } finally {
      app.release(true);
    }
    expect(await readRow()).toMatchObject({ phone: "1", mail: "a@example.com" });
  });

  test("a role and a deletion that the app decided stay, and the rest of such a row is erased", async () => {
    await writeUsers(pool, [makeSnapshot()]);
    await pool.query("update rollcall.user_states set role = 'admin'");
    await writeUsers(pool, [makeSnapshot({ clerkUpdatedAtMs: 2_000, readTicket: 2 })]);
    expect((await getSession(pool)).user.role).toBe("admin");
    await pool.query("update app.people set gone_at = now() - interval '1 day'");
    expect(await db.countUnerased(pool)).toBe(1);
    await writeUsers(pool, [makeSnapshot({ clerkUpdatedAtMs: 3_000, readTicket: 3, name: "New" })]);
    expect(await readRow()).toMatchObject({ called: "A" });
    expect(Object.fromEntries(await tombstone(pool, "user_a"))).toEqual({});
    expect(await readRow()).toMatchObject({ mail: null, called: null });
    expect(await db.countUnerased(pool)).toBe(0);
    const erasure = await db.inTransaction(pool, (client) =>
      db.erasePerson(client, "user_a", { candidates: [], keepProfile: false }),
    );
    expect(erasure).toMatchObject({ erased: [] });
  });

  test("tombstones of unknown users are pruned with their state, unless a row of the app refers to them", async () => {
    await pool.query("create table app.notes (person int references app.people (id))");
    onTestFinished(async () => void (await pool.query("drop table app.notes")));
    await tombstone(pool, "user_x", "user_used");
    await pool.query(
      "insert into app.notes select id from app.people where clerk = 'user_used'; update app.people set gone_at = now() - interval '2 days'; update rollcall.events set at = now() - interval '2 days'",
    );
    expect(await db.pruneUnknownTombstones(pool)).toBe(1);
    const left = await pool.query("select clerk_id from rollcall.user_states");
    expect(left.rows).toEqual([{ clerk_id: "user_used" }]);
    expect(await db.findSession(pool, "user_x")).toBeUndefined();
  });

  test("the state of a row that the app deleted is pruned, unless its user is written at this moment", async () => {
    await writeUsers(pool, [makeSnapshot(), makeSnapshot({ clerkId: "user_b" })]);
    await pool.query("delete from app.people");
    const writer = await pool.connect();
    try {
      await writer.query("begin");
      await applySnapshots(writer, [makeSnapshot({ readTicket: 2 })]);
      expect(await db.pruneUnknownTombstones(pool)).toBe(0);
      await writer.query("commit");
    } finally {
      writer.release(true);
    }
    const left = await pool.query("select clerk_id from rollcall.user_states");
    expect(left.rows).toEqual([{ clerk_id: "user_a" }]);
    expect((await getSession(pool)).user).toMatchObject({ readTicket: 2 });
  });

  test("a bulk change leaves rows that are locked, in either table, for later", async () => {
    await writeUsers(
      pool,
      ["a", "b", "c"].map((id) => makeSnapshot({ clerkId: `user_${id}` })),
    );
    const app = await pool.connect();
    try {
      await db.stageBulkChange(pool, {
        selection: { clerkIds: ["user_a", "user_b", "user_c"] },
        action: { tier: "PRO" },
        expected: 3,
        by: "ops",
      });
      const [bulk] = await db.listOpenBulkChanges(pool);
      const portion = await db.claimPortion(pool, bulk?.id ?? 0, 60_000);
      if (!portion) throw new Error("No portion");
      await app.query("begin");
      await app.query("update app.people set phone = '1' where clerk = 'user_a'");
      await app.query("select from rollcall.user_states where clerk_id = 'user_b' for update");
      const { counts } = await db.writePortionTier(pool, portion, { tier: "PRO", by: "ops" });
      expect(counts).toEqual({ done: 1, failed: 0, skipped: 0 });
    } finally {
      app.release(true);
    }
  });
});

describe("profiles of an app that keeps its tables as they are", () => {
  const profile: Mapping["profile"] = {
    name: "profile",
    table: "app.profiles",
    link: "person",
    key: { column: "key", type: "integer" },
    columns: { title: { from: "name", default: "New" }, contact: { from: "email" } },
  };
  let pool: Pool;
  beforeAll(async () => {
    pool = await createMappedPool(
      map({ email: "mail", name: "called" }, profile),
      `${people}
      create table app.profiles (
        key serial primary key, person int references app.people (id) on delete cascade, title text not null, contact text)`,
    );
  });
  afterAll(() => pool?.end());
  beforeEach(() => empty(pool));

  const makeUnclaimed = async (contact: string): Promise<number> =>
    (
      await pool.query("insert into app.profiles (title, contact) values ('Waiting', $1) returning key", [
        contact,
      ])
    ).rows[0].key;
  const readProfiles = async () =>
    (
      await pool.query(
        "select m.key, p.clerk as of, m.title, m.contact from app.profiles m left join app.people p on p.id = m.person order by m.key",
      )
    ).rows;
  const open = () => db.listConflicts(pool, { state: "open", beforeId: undefined, limit: 10 });

  test("a profile is made, or linked by the verified email, and its time is in the answer", async () => {
    expect(await writeUsers(pool, [makeSnapshot()])).toEqual({ user_a: "created" });
    const key = await makeUnclaimed("B@example.com");
    expect(await writeUsers(pool, [makeSnapshot({ clerkId: "user_b", email: "b@example.com" })])).toEqual({
      user_b: "linked",
    });
    const session = await db.findSession(pool, "user_b");
    expect(session?.mentorado).toEqual({
      ...{ id: key, userId: session?.user.id, linkedAt: expect.any(Date) },
      columns: { title: "Waiting", contact: "B@example.com" },
    });
    expect(await writeUsers(pool, [makeSnapshot({ readTicket: 2 })])).toEqual({ user_a: "kept" });
    expect(await db.countWithoutProfile(pool)).toBe(0);
  });

  test("a profile outlives its user without ever being given to another one, and an erasure finds it", async () => {
    await writeUsers(pool, [makeSnapshot()]);
    await tombstone(pool, "user_a");
    expect(await readProfiles()).toMatchObject([{ of: null, contact: "a@example.com" }]);
    expect(await writeUsers(pool, [makeSnapshot({ clerkId: "user_b" })])).toEqual({ user_b: "created" });
    const [former] = await readProfiles();
    expect(await open()).toMatchObject([{ reason: "former_profile", candidateIds: [former.key] }]);
    const erasure = await db.inTransaction(pool, (client) =>
      db.erasePerson(client, "user_a", { candidates: [], keepProfile: false }),
    );
    expect(erasure.erased).toEqual([former.key]);
    expect(await readProfiles()).toMatchObject([{ title: "Removed", contact: null }, { of: "user_b" }]);
  });

  test("a profile that had a user by now is not linked, though the statement's snapshot cannot show it", async () => {
    const key = await makeUnclaimed("a@example.com");
    const other = await pool.connect();
    try {
      // Another user had the profile, and was deleted, while the statement waits for the profile.
      await other.query("begin");
      await other.query("select from app.profiles where key = $1 for update", [key]);
      const written = writeUsers(pool, [makeSnapshot()]);
      await untilBlocked(pool);
      await other.query("insert into rollcall.profile_links (profile_key, linked_at) values ($1, now())", [
        key,
      ]);
      await other.query("update app.profiles set title = title where key = $1", [key]);
      await other.query("commit");
      await expect(written).rejects.toMatchObject({ sqlState: "23505" });
    } finally {
      other.release(true);
    }
    // The next attempt sees it.
    expect(await writeUsers(pool, [makeSnapshot()])).toEqual({ user_a: "created" });
    expect(await open()).toMatchObject([{ reason: "former_profile", candidateIds: [key] }]);
  });

  test("a profile that the app makes at this moment is kept, though the app's table has no unique key", async () => {
    await writeUsers(pool, [makeSnapshot()], { create: false });
    const app = await pool.connect();
    try {
      await app.query("begin");
      await app.query("insert into app.profiles (person, title) select id, 'Own' from app.people");
      const written = writeUsers(pool, [makeSnapshot({ readTicket: 2 })]);
      await untilBlocked(pool);
      await app.query("commit");
      expect(await written).toEqual({ user_a: "kept" });
    } finally {
      app.release(true);
    }
    expect(await readProfiles()).toMatchObject([{ of: "user_a", title: "Own" }]);
  });

  test("a user whose profile the app took away gets another one", async () => {
    await writeUsers(pool, [makeSnapshot()]);
    await pool.query("update app.profiles set person = null, contact = null");
    expect(await writeUsers(pool, [makeSnapshot({ readTicket: 2 })])).toEqual({ user_a: "created" });
    await pool.query("delete from app.profiles where person is not null");
    await pool.query("alter sequence app.profiles_key_seq restart 2");
    expect(await writeUsers(pool, [makeSnapshot({ readTicket: 3 })])).toEqual({ user_a: "created" });
    const links = await pool.query(
      "select profile_key from rollcall.profile_links where user_key is not null",
    );
    expect(links.rows).toHaveLength(1);
  });

  test("a second profile that the app made is named, and lists and answers show one of them", async () => {
    await writeUsers(pool, [makeSnapshot()]);
    const made = (await db.findSession(pool, "user_a"))?.mentorado?.id;
    await pool.query("insert into app.profiles (person, title) select id, 'Second' from app.people");
    await pool.query("update app.profiles set key = 0 where title = 'Second'");
    expect((await db.findDuplicateRows(pool)).join()).toMatch(
      /app\.profiles\.person must be unique, but rows share it/,
    );
    expect((await db.findSession(pool, "user_a"))?.mentorado).toMatchObject({ id: made });
    const page = { cursor: undefined, limit: 5 };
    const filters = [{}, { query: "user_a" }, { title: "A" }, { query: "example.com" }];
    for (const filter of filters.slice(0, 1))
      expect((await db.listUsers(pool, { filter, ...page })).items).toMatchObject([{ mentoradoId: made }]);
    expect((await db.listUsers(pool, { filter: { withoutProfile: true }, ...page })).items).toEqual([]);
    await tombstone(pool, "user_a");
    expect((await readProfiles()).map(({ of }) => of)).toEqual([null, null]);
  });

  test("an operator gives a user one of two candidates, and the unused fresh profile goes", async () => {
    const keys = [await makeUnclaimed("a@example.com"), await makeUnclaimed("a@example.com")];
    expect(await writeUsers(pool, [makeSnapshot()])).toEqual({ user_a: "created" });
    const [conflict] = await open();
    expect(conflict).toMatchObject({ reason: "several_candidates", candidateIds: keys });
    await db.inTransaction(pool, (client) =>
      db.linkCandidate(client, conflict?.id ?? 0, {
        ...{ mentoradoId: keys[1] ?? 0, discardProfile: false, by: "ops" },
      }),
    );
    expect(await readProfiles()).toMatchObject([
      { key: keys[0], of: null },
      { key: keys[1], of: "user_a" },
    ]);
    const links = await pool.query(
      "select profile_key, user_key is not null as linked from rollcall.profile_links",
    );
    expect(links.rows).toEqual([{ profile_key: String(keys[1]), linked: true }]);
    expect(await open()).toEqual([]);
  });

  test("an operator may unlink a used profile for a candidate, and give it back", async () => {
    const key = await makeUnclaimed("a@example.com");
    await makeUnclaimed("a@example.com");
    await writeUsers(pool, [makeSnapshot()]);
    await pool.query("update app.profiles set title = 'Used' where person is not null");
    const [conflict] = await open();
    const choice = { mentoradoId: key, discardProfile: true, by: "ops" };
    await db.inTransaction(pool, (client) => db.linkCandidate(client, conflict?.id ?? 0, choice));
    const session = await db.findSession(pool, "user_a");
    expect(session?.mentorado).toMatchObject({ id: key, linkedAt: expect.any(Date) });
    expect((await pool.query("select from rollcall.former_profiles")).rows).toHaveLength(1);
    expect((await pool.query("select from rollcall.profile_links where user_key is null")).rows).toHaveLength(
      1,
    );
  });
});
