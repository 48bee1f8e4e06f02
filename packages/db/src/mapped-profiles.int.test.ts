import type { Mapping } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { evaluateConflicts, findConflict, listConflicts, listConflictsOfUser } from "./conflicts.ts";
import { countOpenConflicts, countWithoutProfile } from "./counts.ts";
import { tombstoneUsers } from "./deletions.ts";
import { digestRows, findDrift } from "./drift.ts";
import { erasePerson } from "./erasure.ts";
import { findUnsentNotification } from "./outbox.ts";
import type { Pool } from "./pool.ts";
import type { ProfileValue } from "./profile-columns.ts";
import { giveProfiles, type ProfileOutcome } from "./profiles.ts";
import { findPurge, requestPurge } from "./purges.ts";
import { dismissConflict, linkCandidate, readPresentProfile } from "./resolve-conflict.ts";
import { createMappedPool, makeSnapshot } from "./testing.ts";
import { inTransaction } from "./transaction.ts";
import type { UserSnapshot } from "./user-columns.ts";
import { applySnapshots, findProfiles, findSession } from "./users.ts";

const users: Mapping["users"] = {
  table: "app.members",
  key: { column: "id", type: "uuid" },
  state: "added",
  columns: { clerkId: "clerk_id", email: "mail", name: "full_name", banned: "is_banned", tier: "plan" },
};

const members = (key: string) => `
create schema app;
create table app.members (
  id ${key}, clerk_id text not null unique, mail text, email_verified boolean not null default false, full_name text,
  role text not null default 'user', plan text not null default 'FREE', is_banned boolean not null default false,
  deleted_at timestamptz, created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
  role_source text, clerk_created_at timestamptz, clerk_updated_at timestamptz, read_ticket bigint
);
`;

const mapping: Mapping = {
  users,
  profile: {
    name: "profile",
    table: "app.profiles",
    link: "user_id",
    key: { column: "id", type: "uuid" },
    updatedAt: "changedAt",
    columns: {
      display_name: { from: "name", default: "A member" },
      contact: { from: "email" },
      photo: { from: "imageUrl" },
      plan_kind: { from: "publicMetadata.plan.kind", allowed: ["free", "pro"], default: "free" },
      seats: { from: "publicMetadata.seats", default: 1 },
      origin: { value: "clerk" },
      score: { value: 7 },
    },
  },
};

const tables = `
${members("uuid primary key default gen_random_uuid()")}
create type app.plan_kind as enum ('free', 'pro');
create table app.profiles (
  id uuid primary key default gen_random_uuid(), user_id uuid unique references app.members (id) on delete set null,
  display_name text not null, contact text, photo text, plan_kind app.plan_kind not null, seats smallint not null,
  origin varchar(20) not null, score numeric not null, note text not null default 'from the database',
  "changedAt" timestamp(3) not null, linked_at timestamptz
);
`;

const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

type Options = { metadata?: readonly ProfileValue[]; create?: boolean; secondaryEmails?: string[] };

/** The write: both statements in one transaction, and the evaluation of touched conflicts. */
function write(
  pool: Pool,
  snapshots: readonly UserSnapshot[],
  { metadata, create = true, secondaryEmails = [] }: Options = {},
): Promise<Record<string, ProfileOutcome>> {
  return inTransaction(pool, async (client) => {
    await applySnapshots(client, snapshots);
    const given = await giveProfiles(
      client,
      snapshots.map(({ clerkId, name, imageUrl, cause, ref }) => ({
        ...{ clerkId, name, imageUrl, cause, ref, secondaryEmails },
        metadata: metadata ?? pool.tables.profile?.metadata.map(() => null) ?? [],
      })),
      { nomeCompleto: "New User", turma: "neon", create },
    );
    const candidateIds = given.flatMap(({ linkedId }) => linkedId ?? []);
    await evaluateConflicts(client, "sync", { candidateIds });
    return Object.fromEntries(given.map(({ clerkId, outcome }) => [clerkId, outcome]));
  });
}

const remove = (pool: Pool, clerkId: string) =>
  inTransaction(pool, (client) =>
    tombstoneUsers(client, [{ clerkId, by: "signature", cause: "webhook", ref: null }]),
  );

const open = (pool: Pool) => listConflicts(pool, { state: "open", beforeId: undefined, limit: 10 });

describe("a profile's table with uuid keys, an enum and columns from several sources", () => {
  let pool: Pool;
  beforeAll(async () => {
    pool = await createMappedPool(mapping, tables);
    return () => pool.end();
  });
  beforeEach(() =>
    pool.query(`truncate app.members, app.profiles, rollcall.conflicts, rollcall.events, rollcall.former_profiles,
      rollcall.claimed_profiles, rollcall.purges`),
  );

  /** Makes a profile as the app does. @returns its id */
  async function makeUnclaimed(contact: string, name = "Unclaimed"): Promise<string> {
    const { rows } = await pool.query(
      `insert into app.profiles (display_name, contact, photo, plan_kind, seats, origin, score, "changedAt")
       values ($1, $2, 'https://old', 'pro', 3, 'import', 0, '2020-01-01') returning id::text as id`,
      [name, contact],
    );
    return rows[0].id;
  }

  test("a new profile gets what each source gives", async () => {
    const snapshot = makeSnapshot({ name: "Ada", imageUrl: "https://img" });
    expect(await write(pool, [snapshot], { metadata: ["pro", 5] })).toEqual({ user_a: "created" });
    const session = await findSession(pool, "user_a");
    expect(session).toMatchObject({
      user: { id: uuid, clerkId: "user_a", email: "a@example.com", name: "Ada", imageUrl: null },
      mentorado: {
        id: uuid,
        userId: session?.user.id,
        linkedAt: expect.any(Date),
        columns: {
          ...{
            displayName: "Ada",
            contact: "a@example.com",
            photo: "https://img",
            planKind: "pro",
            seats: 5,
          },
          ...{ origin: "clerk", score: 7 },
        },
      },
    });
    const { rows } = await pool.query(
      "select note, \"changedAt\" > now() - interval '1 day' as fresh from app.profiles",
    );
    expect(rows).toEqual([{ note: "from the database", fresh: true }]);
  });

  test("a number that JavaScript cannot hold exactly stays a text, as in lists", async () => {
    await write(pool, [makeSnapshot()]);
    const read = async (score: string) => {
      await pool.query("update app.profiles set score = $1", [score]);
      const { mentorado } = (await findSession(pool, "user_a")) ?? {};
      return mentorado && "columns" in mentorado ? mentorado.columns["score"] : undefined;
    };
    expect(await read("9007199254740993")).toBe("9007199254740993");
    expect(await read("-12345678901234567.25")).toBe("-12345678901234567.25");
    expect(await read("7.50")).toBe(7.5);
    expect(await read("9007199254740992")).toBe(9007199254740992);
  });

  test("a purge gives free metadata its default, because it may hold a number of a phone or a document", async () => {
    await write(pool, [makeSnapshot()], { metadata: ["pro", 21987] });
    await remove(pool, "user_a");
    await inTransaction(pool, (client) =>
      erasePerson(client, "user_a", { candidates: [], keepProfile: false }),
    );
    const { rows } = await pool.query("select plan_kind, seats, origin from app.profiles");
    expect(rows).toEqual([{ plan_kind: "pro", seats: 1, origin: "clerk" }]);
  });

  test.each(["return null", "return old", "new.contact := old.contact; return new"])(
    "a purge that a trigger of the app undoes fails: %s",
    async (body) => {
      await write(pool, [makeSnapshot()]);
      await remove(pool, "user_a");
      await pool.query(`create function app.undo() returns trigger language plpgsql as $$ begin ${body}; end $$;
        create trigger undo before update on app.profiles for each row execute function app.undo()`);
      onTestFinished(() => pool.query("drop function app.undo cascade").then(() => undefined));
      const purge = inTransaction(pool, (client) =>
        erasePerson(client, "user_a", { candidates: [], keepProfile: false }),
      );
      await expect(purge).rejects.toMatchObject({ code: "user.rejected" });
    },
  );

  test("defaults fill what Clerk lacks, and not those of the default mapping", async () => {
    await write(pool, [makeSnapshot({ name: null, email: null, emailVerified: false })]);
    expect((await findSession(pool, "user_a"))?.mentorado).toMatchObject({
      columns: { displayName: "A member", contact: null, photo: null, planKind: "free", seats: 1 },
    });
  });

  test("a value that the enum lacks fails its user", async () => {
    await expect(write(pool, [makeSnapshot()], { metadata: ["gold", 1] })).rejects.toMatchObject({
      cause: { code: "22P02" },
    });
  });

  test("a profile that the app's trigger discards fails its user, and one that the trigger makes is kept", async () => {
    const trigger = (body: string) =>
      pool.query(`create or replace function app.guard() returns trigger language plpgsql as $$ begin ${body} end $$;
        create or replace trigger guard before insert on app.profiles for each row execute function app.guard()`);
    await trigger("return null;");
    await expect(write(pool, [makeSnapshot()])).rejects.toMatchObject({ code: "user.rejected" });
    expect(await findSession(pool, "user_a")).toBeUndefined();
    await trigger(`if new.display_name <> 'theirs' then
      insert into app.profiles (user_id, display_name, plan_kind, seats, origin, score, "changedAt")
      values (new.user_id, 'theirs', 'free', 1, 'app', 0, now()); return null; end if; return new;`);
    expect(await write(pool, [makeSnapshot()])).toEqual({ user_a: "kept" });
    await pool.query("drop trigger guard on app.profiles");
  });

  test("a profile is kept, and one is missing where none is", async () => {
    const snapshot = makeSnapshot();
    expect(await write(pool, [snapshot], { create: false })).toEqual({ user_a: "not_made" });
    expect(await countWithoutProfile(pool)).toBe(1);
    expect(await findDrift(pool, [snapshot], true)).toEqual(new Map([["user_a", "missing_profile"]]));
    expect(await findDrift(pool, [snapshot], false)).toEqual(new Map());
    await makeUnclaimed("a@example.com");
    expect(await findDrift(pool, [snapshot], false)).toEqual(new Map([["user_a", "missing_profile"]]));
    await pool.query("truncate app.profiles");
    expect(await write(pool, [snapshot])).toEqual({ user_a: "created" });
    expect(await write(pool, [snapshot])).toEqual({ user_a: "kept" });
    expect(await countWithoutProfile(pool)).toBe(0);
    expect(await digestRows(pool, { afterMs: null, untilMs: null }, true)).toHaveLength(64);
  });

  test("an unclaimed profile of the verified address is linked, and its content stays", async () => {
    const id = await makeUnclaimed("A@Example.com");
    expect(await write(pool, [makeSnapshot({ name: "Ada" })])).toEqual({ user_a: "linked" });
    expect((await findSession(pool, "user_a"))?.mentorado).toMatchObject({
      id,
      columns: { displayName: "Unclaimed", planKind: "pro", origin: "import" },
    });
    const { rows } = await pool.query(
      "select kind, details from rollcall.events where kind like 'mentorado%'",
    );
    expect(rows).toEqual([{ kind: "mentorado_linked", details: { mentoradoId: id } }]);
  });

  test("a profile that was linked is lost to a later claimant, and a made one is not", async () => {
    const id = await makeUnclaimed("a@example.com");
    await write(pool, [makeSnapshot()]);
    const later = { email: "a@example.com", readTicket: 2 };
    await write(pool, [makeSnapshot({ clerkId: "user_b", ...later })]);
    expect(await open(pool)).toMatchObject([
      { clerkId: "user_b", reason: "lost_to_claimant", candidateIds: [id] },
    ]);
    await write(pool, [makeSnapshot({ clerkId: "user_c", email: "c@example.com", readTicket: 3 })]);
    await write(pool, [makeSnapshot({ clerkId: "user_d", email: "c@example.com", readTicket: 4 })]);
    expect(await countOpenConflicts(pool)).toBe(1);
  });

  describe("two candidates", () => {
    let ids: string[];
    beforeEach(async () => {
      ids = [await makeUnclaimed("a@example.com", "One"), await makeUnclaimed("a@example.com", "Two")].sort();
      expect(await write(pool, [makeSnapshot({ name: "Ada" })])).toEqual({ user_a: "created" });
    });

    const resolve = (id: number, profileId: string, discardProfile = false) =>
      inTransaction(pool, (client) =>
        linkCandidate(client, id, { mentoradoId: profileId, discardProfile, by: "ana" }),
      );

    test("open a conflict whose ids are texts, also in the timeline", async () => {
      const [conflict] = await open(pool);
      const session = await findSession(pool, "user_a");
      expect(conflict).toMatchObject({
        clerkId: "user_a",
        userId: session?.user.id,
        reason: "several_candidates",
        candidateIds: ids,
        profileId: session?.mentorado?.id,
      });
      expect(await findConflict(pool, conflict?.id ?? 0)).toEqual(conflict);
      expect(await listConflictsOfUser(pool, "user_a")).toEqual([conflict]);
      const { rows } = await pool.query("select details from rollcall.events where kind = 'conflict_opened'");
      expect(rows).toMatchObject([{ details: { candidateIds: ids } }]);
      expect((await findProfiles(pool, ids)).map(({ id }) => id).sort()).toEqual(ids);
    });

    test("are resolved by an operator: the untouched fresh profile is deleted", async () => {
      const [conflict] = await open(pool);
      if (!conflict) throw new Error("No conflict");
      expect(await readPresentProfile(pool, conflict.id)).toEqual({
        id: conflict.profileId,
        becomes: "deleted",
      });
      expect(await resolve(conflict.id, ids[1] ?? "")).toBe("user_a");
      expect((await findSession(pool, "user_a"))?.mentorado?.id).toBe(ids[1]);
      expect((await pool.query("select from app.profiles")).rowCount).toBe(2);
      expect(await countOpenConflicts(pool)).toBe(0);
      // The operator's choice was unclaimed too, so a later claimant lost it.
      await pool.query("delete from app.profiles where id = $1", [ids[0]]);
      await write(pool, [makeSnapshot({ clerkId: "user_b", readTicket: 2 })]);
      const [lost] = await listConflictsOfUser(pool, "user_b");
      expect(lost).toMatchObject({ reason: "lost_to_claimant", candidateIds: [ids[1]] });
    });

    test("are refused when the chosen profile is no candidate, or the fresh profile was used", async () => {
      const [conflict] = await open(pool);
      if (!conflict) throw new Error("No conflict");
      const stranger = await makeUnclaimed("z@example.com");
      await expect(resolve(conflict.id, stranger)).rejects.toMatchObject({
        code: "conflict.not_a_candidate",
      });
      await pool.query("update app.profiles set seats = 9 where id = $1", [conflict.profileId]);
      await expect(resolve(conflict.id, ids[0] ?? "")).rejects.toMatchObject({
        code: "conflict.profile_touched",
      });
      await resolve(conflict.id, ids[0] ?? "", true);
      const { rows } = await pool.query(
        "select profile_key, mentorado_id, clerk_id from rollcall.former_profiles",
      );
      expect(rows).toEqual([{ profile_key: conflict.profileId, mentorado_id: null, clerk_id: "user_a" }]);
    });

    test("stay dismissed until the candidates change", async () => {
      const [conflict] = await open(pool);
      if (!conflict) throw new Error("No conflict");
      await inTransaction(pool, (client) => dismissConflict(client, conflict.id, "ana"));
      await pool.query("delete from app.profiles where user_id is not null");
      await write(pool, [makeSnapshot({ readTicket: 2 })]);
      expect(await countOpenConflicts(pool)).toBe(0);
      await pool.query("delete from app.profiles where user_id is not null");
      await makeUnclaimed("a@example.com", "Three");
      await write(pool, [makeSnapshot({ readTicket: 3 })]);
      expect(await countOpenConflicts(pool)).toBe(1);
    });

    test("are settled when the user is deleted, or when the app takes the candidates away", async () => {
      await pool.query("update app.profiles set contact = 'other@example.com' where id = any ($1::uuid[])", [
        ids,
      ]);
      await evaluateConflicts(pool, "test");
      expect(await countOpenConflicts(pool)).toBe(0);
      await write(pool, [makeSnapshot({ clerkId: "user_b", email: "other@example.com" })]);
      expect(await countOpenConflicts(pool)).toBe(1);
      await remove(pool, "user_b");
      expect(await countOpenConflicts(pool)).toBe(0);
    });

    test("are settled when the app deletes the user's row", async () => {
      await pool.query("delete from app.members");
      await evaluateConflicts(pool, "test");
      const { rows } = await pool.query("select state from rollcall.conflicts");
      expect(rows).toEqual([{ state: "settled" }]);
    });
  });

  test("a deletion unlinks the profile, a purge erases it, and no later user gets it", async () => {
    const other = await makeUnclaimed("b@example.com", "Once matched");
    await write(pool, [makeSnapshot({ name: "Ada", imageUrl: "https://img" })], {
      secondaryEmails: ["b@example.com"],
    });
    const id = (await findSession(pool, "user_a"))?.mentorado?.id;
    await remove(pool, "user_a");
    expect(await findSession(pool, "user_a")).toMatchObject({ mentorado: null });
    const row = "select user_id, display_name, contact, photo, plan_kind from app.profiles where id = $1";
    expect((await pool.query(row, [id])).rows).toMatchObject([{ user_id: null, display_name: "Ada" }]);

    const erase = (candidates: string[]) =>
      inTransaction(pool, (client) => erasePerson(client, "user_a", { candidates, keepProfile: false }));
    await expect(erase(["00000000-0000-0000-0000-000000000000"])).rejects.toMatchObject({
      code: "request.malformed",
      hint: expect.stringMatching(/^profile 0000/),
    });
    expect(await erase([])).toMatchObject({ erased: [id], candidates: [other], fingerprints: 1 });
    const erased = { user_id: null, display_name: "Removed", contact: null, photo: null };
    expect((await pool.query(row, [id])).rows).toEqual([{ ...erased, plan_kind: "free" }]);
    expect(await erase([other])).toMatchObject({ erased: [id, other], candidates: [] });
    expect((await pool.query(row, [other])).rows).toEqual([{ ...erased, plan_kind: "pro" }]);

    await pool.query("update app.profiles set contact = 'a@example.com' where id = $1", [id]);
    expect(await write(pool, [makeSnapshot({ clerkId: "user_b", readTicket: 2 })])).toEqual({
      user_b: "created",
    });
    expect(await open(pool)).toMatchObject([{ reason: "former_profile", candidateIds: [id] }]);
  });

  test("a requested purge keeps its profiles", async () => {
    const request = { clerkId: "user_a", keepProfile: false, preview: false, by: "ana" };
    const also = [await makeUnclaimed("a@example.com")];
    const id = await requestPurge(pool, { ...request, also }, 1_000);
    expect(await findPurge(pool, id)).toMatchObject({ clerkId: "user_a", also });
    expect(await requestPurge(pool, { ...request, also }, 1_000)).toBe(id);
  });

  test("a notification names user and profile", async () => {
    await write(pool, [makeSnapshot({ clerkCreatedAtMs: Date.now() })]);
    const session = await findSession(pool, "user_a");
    const { rows } = await pool.query("select id from rollcall.events where notification_due_at is not null");
    expect(rows).toHaveLength(1);
    const due = { eventId: Number(rows[0].id), clerkId: "user_a" };
    // The job of an event that a failover lost, whose id was given again.
    expect(await findUnsentNotification(pool, { ...due, clerkId: "user_lost" })).toBeUndefined();
    expect(await findUnsentNotification(pool, due)).toMatchObject({
      userId: session?.user.id,
      profileId: session?.mentorado?.id,
    });
  });
});

describe("keys without a default, and names that need quotes", () => {
  let pool: Pool;
  const column = 'e"mail';
  beforeAll(async () => {
    const profile: Mapping["profile"] = {
      name: "profile",
      table: "app.User Profile",
      link: "userId",
      key: { column: "ID", type: "text" },
      columns: { fullName: { from: "name", default: "x" }, [column]: { from: "email" } },
    };
    pool = await createMappedPool(
      { users: { ...users, key: { column: "clerk_id", type: "text" } }, profile },
      `${members("integer")} create table app."User Profile" (
        "ID" varchar(40) primary key, "userId" text unique references app.members (clerk_id), "fullName" text not null,
        "e""mail" text, linked_at timestamptz
      )`,
    );
    return () => pool.end();
  });
  beforeEach(() => pool.query(`truncate app.members, app."User Profile", rollcall.conflicts`));

  test("a key is made, and linking and conflicts hold", async () => {
    expect(await write(pool, [makeSnapshot()])).toEqual({ user_a: "created" });
    expect(await findSession(pool, "user_a")).toMatchObject({
      user: { id: "user_a" },
      mentorado: { id: uuid, userId: "user_a", columns: { fullName: "A", [column]: "a@example.com" } },
    });
    await pool.query(
      `insert into app."User Profile" ("ID", "fullName", "e""mail") values ('p1', 'x', 'b@example.com'), ('p2', 'x', 'c@example.com'), ('p3', 'x', 'c@example.com')`,
    );
    expect(await write(pool, [makeSnapshot({ clerkId: "user_b", email: "b@example.com" })])).toEqual({
      user_b: "linked",
    });
    await write(pool, [makeSnapshot({ clerkId: "user_c", email: "c@example.com" })]);
    const [conflict] = await open(pool);
    expect(conflict).toMatchObject({ userId: "user_c", candidateIds: ["p2", "p3"], profileId: uuid });
    await inTransaction(pool, (client) =>
      linkCandidate(client, conflict?.id ?? 0, { mentoradoId: "p3", discardProfile: false, by: "ana" }),
    );
    expect(await findSession(pool, "user_c")).toMatchObject({ mentorado: { id: "p3" } });
  });

  test("the database's own default makes the key where there is one, from the next write on", async () => {
    await pool.query(`alter table app."User Profile" alter column "ID" set default 'own'`);
    await write(pool, [makeSnapshot()]);
    await pool.query(`alter table app."User Profile" alter column "ID" drop default`);
    await write(pool, [makeSnapshot({ clerkId: "user_b" })]);
    expect(await findSession(pool, "user_a")).toMatchObject({ mentorado: { id: "own" } });
    expect(await findSession(pool, "user_b")).toMatchObject({ mentorado: { id: uuid } });
  });
});

describe("users with integers and profiles with uuids", () => {
  let pool: Pool;
  beforeAll(async () => {
    const profile: Mapping["profile"] = {
      name: "profile",
      table: "app.profiles",
      link: "user_id",
      key: { column: "id", type: "uuid" },
      columns: { display_name: { from: "name", default: "A member" }, contact: { from: "email" } },
    };
    pool = await createMappedPool(
      { users: { ...users, key: { column: "id", type: "integer" } }, profile },
      `${members("serial primary key")} create table app.profiles (
        id uuid primary key default gen_random_uuid(), user_id integer unique references app.members (id),
        display_name text not null, contact text, linked_at timestamptz
      )`,
    );
    return () => pool.end();
  });

  test("a conflict is resolved, a deletion unlinks, and a purge erases", async () => {
    const made = await pool.query(
      `insert into app.profiles (display_name, contact) values ('One', 'a@example.com'), ('Two', 'a@example.com')
       returning id::text as id`,
    );
    const ids = made.rows.map(({ id }) => id).sort();
    expect(await write(pool, [makeSnapshot()])).toEqual({ user_a: "created" });
    const [conflict] = await open(pool);
    const userId = (await findSession(pool, "user_a"))?.user.id;
    expect(userId).toBeTypeOf("number");
    expect(conflict).toMatchObject({ userId, candidateIds: ids, profileId: uuid });
    await inTransaction(pool, (client) =>
      linkCandidate(client, conflict?.id ?? 0, { mentoradoId: ids[1], discardProfile: false, by: "ana" }),
    );
    expect(await findSession(pool, "user_a")).toMatchObject({ mentorado: { id: ids[1], userId } });
    await remove(pool, "user_a");
    const erased = await inTransaction(pool, (client) =>
      erasePerson(client, "user_a", { candidates: [ids[0]], keepProfile: false }),
    );
    expect(erased).toMatchObject({ erased: [ids[1], ids[0]], candidates: [] });
    const { rows } = await pool.query("select user_id, display_name, contact from app.profiles");
    expect(rows).toEqual(Array(2).fill({ user_id: null, display_name: "Removed", contact: null }));
  });
});

describe("a profile without an email column", () => {
  let pool: Pool;
  beforeAll(async () => {
    const profile: Mapping["profile"] = {
      name: "profile",
      table: "app.profiles",
      link: "user_id",
      key: { column: "id", type: "bigint" },
      columns: { origin: { value: "clerk" } },
    };
    pool = await createMappedPool(
      { users, profile },
      `${members("uuid primary key default gen_random_uuid()")} create table app.profiles (
        id bigint generated always as identity (start with 9007199254740993) primary key, user_id uuid unique,
        origin text, email text, linked_at timestamptz
      )`,
    );
    return () => pool.end();
  });
  afterAll(() => undefined);

  test("is never linked by email, makes no conflict, and a purge leaves it", async () => {
    await pool.query("insert into app.profiles (origin, email) values ('import', 'a@example.com')");
    expect(await findDrift(pool, [makeSnapshot()], false)).toEqual(new Map([["user_a", "missing_row"]]));
    expect(await write(pool, [makeSnapshot()], { create: false })).toEqual({ user_a: "not_made" });
    expect(await findDrift(pool, [makeSnapshot()], false)).toEqual(new Map());
    expect(await write(pool, [makeSnapshot()])).toEqual({ user_a: "created" });
    expect(await open(pool)).toEqual([]);
    // Beyond what JavaScript's numbers can hold. The test write of migrate took the first two numbers.
    const { mentorado } = (await findSession(pool, "user_a")) ?? {};
    expect(mentorado).toMatchObject({ id: "9007199254740996", columns: { origin: "clerk" } });
    await remove(pool, "user_a");
    const erased = await inTransaction(pool, (client) =>
      erasePerson(client, "user_a", { candidates: [], keepProfile: false }),
    );
    expect(erased.erased).toEqual(["9007199254740996"]);
    const { rows } = await pool.query("select origin from app.profiles order by id");
    expect(rows).toEqual([{ origin: "import" }, { origin: "clerk" }]);
  });
});
