import { setTimeout as sleep } from "node:timers/promises";
import { defaultMapping, type UserEntry, type UserFilter } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listActivity } from "./activity.ts";
import { holdDeletions } from "./deletions.ts";
import { describeColumns } from "./list-columns.ts";
import type { Pool, Queryable } from "./pool.ts";
import { listDifferences, listHeldOfRun, recordDifferences } from "./run-differences.ts";
import { createMappedPool, createTestPool, emptyTables } from "./testing.ts";
import { listUsers, readWish, type UserPage } from "./user-list.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
  // Columns of an app.
  await pool.query(`
    create type plan as enum ('basic', 'gold');
    alter table users add column plan plan, add column phone text, add column password_hash text, add column "senhaDoApp" text,
      add column cpf bigint, add column points bigint, add column level smallint, add column score numeric, add column is_vip boolean, add column state text, add column extra jsonb, add column left_on date;
    alter table mentorados add column plan text, add column seats integer`);
});
beforeEach(async () => {
  await emptyTables(pool);
  await pool.query("truncate rollcall.runs, rollcall.run_differences restart identity cascade");
});
afterAll(() => pool.end());

type Person = { id: string; profile?: Record<string, unknown> } & Record<string, unknown>;

/** Inserts people in this order, so the last one is the newest. */
async function insert(people: readonly Person[]): Promise<void> {
  for (const { id, profile, ...columns } of people) {
    const names = Object.keys(columns).map((name) => `, ${name}`);
    const marks = Object.keys(columns).map((_, index) => `, $${index + 2}`);
    const made = await pool.query<{ id: number }>(
      `insert into users (clerk_id${names.join("")}) values ($1${marks.join("")}) returning id`,
      [`user_${id}`, ...Object.values(columns)],
    );
    if (!profile) continue;
    const given = Object.entries({ nome_completo: "X", ...profile, user_id: made.rows[0]?.id });
    await pool.query(
      `insert into mentorados (${given.map(([name]) => name).join(", ")})
       values (${given.map((_, index) => `$${index + 1}`).join(", ")})`,
      given.map(([, value]) => value),
    );
  }
}

async function readAll(filter: UserFilter, limit = 50): Promise<UserEntry[]> {
  const items: UserEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await listUsers(pool, { filter, cursor, limit });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

async function find(filter: UserFilter, limit?: number): Promise<string[]> {
  return (await readAll(filter, limit)).map(({ clerkId }) => clerkId.slice("user_".length));
}

test("a row with an id that is not Clerk's stops no list", async () => {
  const clerkId = "auth0|5f7c8ec7";
  await pool.query("insert into users (clerk_id) values ($1)", [clerkId]);
  const { rows } = await pool.query(
    "insert into rollcall.runs (mode, dry_run, started_by, state) values ('full', true, 'test', 'held') returning id::int",
  );
  const id = rows[0]?.["id"];
  await recordDifferences(pool, id, [{ clerkId, kind: "held", code: null, readSequence: null }]);
  await holdDeletions(pool, [clerkId], { cause: "reconcile", ref: null });
  await pool.query(
    "insert into rollcall.deletion_candidates (run_id, clerk_id, is_absent) values ($1, $2, true)",
    [id, clerkId],
  );
  await pool.query("update rollcall.runs set dry_run = false");
  const page = { kinds: undefined, causes: undefined, clerkId: undefined, ref: undefined, cursor: undefined };
  const lists = [
    await readAll({}),
    await readAll({ query: "auth0" }),
    (await listDifferences(pool, id, { after: undefined, limit: 5 })).items,
    await listHeldOfRun(pool, id, "", 5),
    (await listActivity(pool, { ...page, limit: 5 })).items,
  ];
  for (const list of lists) expect(list.map((one) => one.clerkId)).toEqual([clerkId]);
});

test("a time that no calendar has stops no list", async () => {
  for (const time of ["infinity", "-infinity", "20222-01-01", "0044-01-01 BC"])
    await pool.query(
      "insert into users (clerk_id, created_at, deleted_at) values ('user_' || gen_random_uuid(), $1, $1)",
      [time],
    );
  const [years] = [(await readAll({})).map(({ deletedAt }) => deletedAt?.slice(0, 4))];
  expect(years).toEqual(["0001", "9999", "0001", "9999"]);
});

describe("columns", () => {
  test("of users and profiles are described, the app's own behind ours", async () => {
    await insert([{ id: "a", tier: "FREE", profile: { turma: "neon" } }]);
    const { users, profile } = await describeColumns(pool);
    const byKey = Object.fromEntries([...users].map((column) => [column.key, column]));
    expect(byKey).toMatchObject({
      tier: { kind: "text", values: ["FREE"], filterable: true, personal: false },
      role: { kind: "enum", values: ["user", "admin"], filterable: true },
      banned: { kind: "boolean", filterable: true },
      clerkCreatedAt: { kind: "time", filterable: false },
      email: { kind: "text", filterable: false, personal: true },
      plan: { kind: "enum", values: ["basic", "gold"], filterable: true, personal: false },
      is_vip: { kind: "boolean", filterable: true, personal: false },
      level: { kind: "number", filterable: true, personal: false },
      // They may be anything, and filters stand in addresses.
      phone: { kind: "text", filterable: false, personal: true },
      points: { kind: "number", filterable: false, personal: true },
      cpf: { kind: "number", filterable: false, personal: true },
      score: { kind: "number", filterable: false, personal: true },
    });
    expect(profile?.name).toBe("mentorado");
    expect(profile?.columns).toContainEqual(
      expect.objectContaining({ key: "turma", values: ["neon"], filterable: true }),
    );
    expect(profile?.columns).toContainEqual(
      expect.objectContaining({ key: "metaLeads", filterable: true, personal: false }),
    );
    expect(profile?.columns).toContainEqual(
      expect.objectContaining({ key: "seats", filterable: false, personal: true }),
    );
  });

  test("with a secret's name, of several values, or of Rollcall's bookkeeping are left out", async () => {
    const { users, profile } = await describeColumns(pool);
    const keys = [...users, ...(profile?.columns ?? [])].map(({ key }) => key);
    for (const key of ["password_hash", "senhaDoApp", "extra", "readTicket", "userId"])
      expect(keys).not.toContain(key);
    await insert(
      [{ id: "a", password_hash: "s3cret", senhaDoApp: "s3cret", email: "a@example.com" }].map(quote),
    );
    expect(JSON.stringify(await readAll({}))).not.toContain("s3cret");
  });

  test("whose name is a filter's own, or a column of users, are no filter of their own", async () => {
    const { users, profile } = await describeColumns(pool);
    expect(users.find(({ key }) => key === "state")?.filterable).toBe(false);
    expect(profile?.columns.find(({ key }) => key === "plan")?.filterable).toBe(false);
  });

  test("are in each row, long texts cut, times in UTC, and large numbers exact", async () => {
    await insert([
      {
        id: "a",
        email: "a@example.com",
        clerk_created_at: "2026-01-02T03:04:05.678+03",
        phone: "1".repeat(500),
        points: "9007199254740993",
        is_vip: true,
        left_on: "2026-02-03",
        profile: { turma: "neon", seats: 3 },
      },
    ]);
    expect(await readAll({})).toMatchObject([
      {
        clerkId: "user_a",
        clerkCreatedAt: "2026-01-02T00:04:05.678Z",
        mentoradoId: expect.any(Number),
        columns: {
          phone: "1".repeat(200),
          points: "9007199254740993",
          is_vip: true,
          left_on: "2026-02-03",
          plan: null,
        },
        profile: { turma: "neon", seats: 3, metaLeads: 50 },
      },
    ]);
  });
});

const quote = (person: Record<string, unknown>): Person =>
  Object.fromEntries(
    Object.entries(person).map(([key, value]) => [/[A-Z]/.test(key) ? `"${key}"` : key, value]),
  ) as Person;

const hour = (at: number) => new Date(Date.UTC(2026, 0, 1, at)).toISOString();

describe("filters", () => {
  beforeEach(() =>
    insert([
      {
        id: "old",
        tier: "FREE",
        clerk_created_at: hour(1),
        email: "old@example.com",
        profile: { turma: "neon" },
      },
      {
        id: "pro",
        tier: "PRO",
        clerk_created_at: hour(5),
        email: "pro@example.com",
        profile: { turma: "neon" },
      },
      { id: "banned", tier: "FREE", banned: true, clerk_created_at: hour(3), name: "Ana" },
      { id: "gone", tier: "FREE", deleted_at: hour(9), clerk_created_at: hour(4) },
      { id: "undated", tier: "FREE", points: 7, level: 7, plan: "gold", profile: { turma: "estrutura" } },
      { id: "admin", tier: "FREE", role: "admin", clerk_created_at: hour(2) },
    ]),
  );

  test.each<[string, UserFilter, string[]]>([
    ["none", {}, ["admin", "undated", "gone", "banned", "pro", "old"]],
    ["state live", { state: "live" }, ["admin", "undated", "pro", "old"]],
    ["state banned", { state: "banned" }, ["banned"]],
    ["state deleted", { state: "deleted" }, ["gone"]],
    ["a tier", { tier: "PRO" }, ["pro"]],
    ["a profile's column", { turma: "neon" }, ["pro", "old"]],
    ["a small number of the app", { level: "7" }, ["undated"]],
    ["a number of the profile", { metaLeads: "50" }, ["undated", "pro", "old"]],
    ["an enum of the app", { plan: "gold" }, ["undated"]],
    ["a role", { role: "admin" }, ["admin"]],
    ["a boolean", { banned: "true" }, ["banned"]],
    ["without a profile", { withoutProfile: true }, ["admin", "gone", "banned"]],
    ["two of them", { tier: "FREE", turma: "neon" }, ["old"]],
    ["three of them", { tier: "FREE", withoutProfile: true, state: "live" }, ["admin"]],
    ["a part of a name and a state", { query: "aN", state: "banned" }, ["banned"]],
    [
      "a range of sign-ups: by sign-up, the deleted last",
      { signedUpFrom: hour(2), signedUpTo: hour(5) },
      ["banned", "admin", "gone"],
    ],
    ["sign-ups from", { signedUpFrom: hour(3) }, ["pro", "banned", "gone"]],
    ["sign-ups until, and a state", { signedUpTo: hour(3), state: "live" }, ["admin", "old"]],
    ["sign-ups of deleted users", { signedUpFrom: hour(1), state: "deleted" }, ["gone"]],
    ["sign-ups and a text", { signedUpFrom: hour(1), query: "pro@" }, ["pro"]],
    ["nothing that exists", { tier: "GOLD" }, []],
  ])("by %s, whatever the size of a page", async (_name, filter, expected) => {
    for (const limit of [1, 2, 50]) expect(await find(filter, limit)).toEqual(expected);
  });

  test.each<[string, UserFilter, string]>([
    ["an unknown column", { turmaa: "neon" }, "turmaa"],
    ["a personal column", { email: "old@example.com" }, "email"],
    ["a secret column", { password_hash: "x" }, "password_hash"],
    ["a boolean that is none", { is_vip: "maybe" }, "is_vip"],
    ["a number that may be a document's", { cpf: "12345678909" }, "cpf"],
    ["a number that is none", { level: "many" }, "level"],
    ["a value that the enum lacks", { plan: "silver" }, "plan"],
  ])("%s is refused by its name, and never by its value", async (_name, filter, key) => {
    const refused = listUsers(pool, { filter, cursor: undefined, limit: 5 });
    await expect(refused).rejects.toMatchObject({
      code: "request.malformed",
      hint: expect.stringMatching(new RegExp(`^${key}: `)),
    });
    const error = (await refused.catch((thrown: unknown) => thrown)) as { hint: string; message: string };
    const [value] = Object.values(filter);
    expect(`${error.hint} ${error.message}`).not.toContain(String(value));
  });

  test("a personal column of either table is never one, so nothing that is stored of a filter has its value", async () => {
    const { users, profile } = await describeColumns(pool);
    const columns = [...users, ...(profile?.columns ?? [])];
    // The column `state` of the app is shadowed by the filter, which takes three words.
    const personal = columns.filter((column) => column.personal && column.key !== "state");
    expect(personal.length).toBeGreaterThan(5);
    for (const { key } of personal)
      await expect(readWish(pool, { [key]: "12345678909" })).rejects.toMatchObject({
        code: "request.malformed",
        hint: expect.not.stringContaining("12345678909"),
      });
    // What is left can hardly tell who a person is: no free text or long number of the app.
    const left = columns.filter(({ filterable }) => filterable).map(({ key, kind }) => `${key}: ${kind}`);
    expect(left.toSorted()).toEqual([
      "ativo: enum",
      ...["banned: boolean", "emailVerified: boolean", "is_vip: boolean"],
      "level: number",
      ...["metaFaturamento", "metaLeads", "metaPosts", "metaProcedimentos", "metaStories"].map(
        (key) => `${key}: number`,
      ),
      ...["plan: enum", "role: enum", "roleSource: text", "tier: text", "turma: text"],
    ]);
  });

  test("a text of a mapped profile is one only if the mapping lists its values", async () => {
    const mapped = await createMappedPool(
      {
        ...defaultMapping,
        profile: {
          ...{ name: "member", table: "members", link: "user_id", key: { column: "id", type: "uuid" } },
          columns: {
            plan: { from: "publicMetadata.plan", allowed: ["free", "pro"], default: "free" },
            city: { from: "publicMetadata.city" },
          },
        },
      },
      `create table public.users (id serial primary key, clerk_id text not null unique, email text, email_verified boolean, name text,
         image_url text, role text, tier text, banned boolean, deleted_at timestamptz, created_at timestamptz default now(),
         updated_at timestamptz default now());
       create table public.members (id uuid primary key, user_id integer unique, plan text not null, city text);
       insert into public.users (clerk_id) values ('user_a'), ('user_b');
       insert into public.members select gen_random_uuid(), id, case clerk_id when 'user_a' then 'pro' else 'free' end from public.users`,
    );
    try {
      const { profile } = await describeColumns(mapped);
      expect(profile?.columns).toMatchObject([
        { key: "id", filterable: false },
        { key: "linkedAt", kind: "time" },
        { key: "plan", filterable: true, personal: false, values: ["free", "pro"] },
        { key: "city", filterable: false, personal: true },
      ]);
      const page = await listUsers(mapped, { filter: { plan: "pro" }, cursor: undefined, limit: 5 });
      expect(page.items.map(({ clerkId }) => clerkId)).toEqual(["user_a"]);
    } finally {
      await mapped.end();
    }
  });

  test("a cursor of another list is refused", async () => {
    const wish = { filter: {}, cursor: "s123.4", limit: 5 };
    await expect(listUsers(pool, wish)).rejects.toMatchObject({ code: "request.malformed" });
  });
});

describe("a whole address", () => {
  test("finds its user at once, and the other matches behind it, each once", async () => {
    await insert([
      { id: "exact", email: "Ana@example.com", email_verified: true },
      { id: "longer", email: "ana@example.com.br", email_verified: true },
      { id: "unverified", email: "ana@example.com" },
      { id: "longest", email: "mariana@example.com", email_verified: true },
    ]);
    const first = await listUsers(pool, {
      filter: { query: "ana@example.com" },
      cursor: undefined,
      limit: 50,
    });
    expect(first.items.map(({ clerkId }) => clerkId)).toEqual(["user_exact"]);
    expect(await find({ query: "ana@example.com" })).toEqual(["exact", "longest", "unverified", "longer"]);
    expect(await find({ query: "ana@example.com" }, 1)).toEqual(["exact", "longest", "unverified", "longer"]);
    expect(await find({ query: "ana@example.com", state: "deleted" })).toEqual([]);
  });

  test("and a whole Clerk id are read through an index", async () => {
    await pool.query(
      `insert into users (clerk_id, email, email_verified)
       select 'user_' || n, n || '@example.com', true from generate_series(1, 20000) n;
       analyze users`,
    );
    await pool.query("select pg_stat_reset()");
    const scans = async () => {
      await pool.query("select pg_stat_force_next_flush()");
      const read = await pool.query<{ name: string; scans: string }>(
        "select indexrelname as name, idx_scan as scans from pg_stat_user_indexes where relname = 'users'",
      );
      return Object.fromEntries(read.rows.map(({ name, scans: count }) => [name, Number(count)]));
    };
    await listUsers(pool, { filter: { query: "77@example.com" }, cursor: undefined, limit: 5 });
    await expect.poll(async () => (await scans())["users_claimant_email"]).toBeGreaterThan(0);
    await listUsers(pool, { filter: { query: "user_77" }, cursor: undefined, limit: 5 });
    await expect.poll(async () => (await scans())["users_clerk_id_unique"]).toBeGreaterThan(0);
  });
});

describe("a range of sign-ups", () => {
  test("reads bounded slices, and has each deleted user once, however many others lie between", async () => {
    await pool.query(
      `insert into users (clerk_id, clerk_created_at, deleted_at)
       select 'user_' || n, '2026-01-01', case when n % 5000 = 1 then now() end from generate_series(1, 20000) n;
       analyze users`,
    );
    const filter = { signedUpFrom: hour(0) };
    const deleted = ["15001", "10001", "5001", "1"];
    // On a slow server a page ends after the first slice. With all four users, it would have read the whole table.
    const slow: Queryable = {
      tables: pool.tables,
      query: async (statement, values) => {
        await sleep(110);
        return pool.query(statement, values);
      },
    };
    const wish = { filter: { ...filter, state: "deleted" as const }, limit: 50 };
    const pages: string[][] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page: UserPage = await listUsers(slow, { ...wish, cursor: cursor || undefined });
      pages.push(page.items.map(({ clerkId }) => clerkId.slice("user_".length)));
      cursor = page.nextCursor ?? undefined;
    }
    expect(pages).toEqual([["15001"], ["10001", "5001"], ["1"]]);
    const all = await find(filter, 5_000);
    expect(all).toHaveLength(20_000);
    expect(all.slice(-4)).toEqual(deleted);
    expect(new Set(all).size).toBe(20_000);
  });
});

describe("drifted", () => {
  const run = async (state: string, mode = "full") => {
    const made = await pool.query<{ id: number }>(
      `insert into rollcall.runs (mode, dry_run, state, started_by) values ($1, true, $2, 'ops') returning id::int as id`,
      [mode, state],
    );
    return made.rows[0]?.id ?? 0;
  };
  const difference = (id: string, readSequence: number | null) =>
    ({
      clerkId: `user_${id}`,
      kind: readSequence ? "updated" : "deleted",
      code: null,
      readSequence,
    }) as const;

  test("is what the newest complete dry run found, as far as the rows were not written since", async () => {
    await insert([
      { id: "a", read_ticket: 5 },
      { id: "b", read_ticket: 9 },
      { id: "c" },
      { id: "d", deleted_at: hour(1) },
      { id: "e" },
    ]);
    await recordDifferences(pool, await run("succeeded"), [difference("e", 7)]);
    const newest = await run("held");
    await recordDifferences(pool, newest, [
      ...["a", "b", "c", "missing"].map((id) => difference(id, 7)),
      difference("d", null),
      difference("e", null),
    ]);
    await recordDifferences(pool, await run("failed"), [difference("b", 99)]);
    await recordDifferences(pool, await run("succeeded", "catch-up"), [difference("b", 99)]);
    for (const limit of [1, 50]) expect(await find({ drifted: true }, limit)).toEqual(["a", "c", "e"]);
    await pool.query("update users set read_ticket = 8 where clerk_id = 'user_a'");
    expect(await find({ drifted: true })).toEqual(["c", "e"]);
    expect(await find({ drifted: true, query: "user_c" })).toEqual(["c"]);
  });

  test("matches no user without a dry run", async () => {
    await insert([{ id: "a" }]);
    expect(await find({ drifted: true })).toEqual([]);
  });

  test("keeps the differences of the newest three dry runs", async () => {
    const ids = [];
    for (let count = 0; count < 5; count++) {
      const id = await run("succeeded");
      ids.push(id);
      await recordDifferences(pool, id, [difference("a", 1)]);
    }
    const kept = await pool.query<{ id: number }>(
      "select distinct run_id::int as id from rollcall.run_differences order by 1",
    );
    expect(kept.rows.map(({ id }) => id)).toEqual(ids.slice(2));
  });
});
