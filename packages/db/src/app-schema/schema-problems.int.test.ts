import { readFile } from "node:fs/promises";
import { type AppError, isOutage } from "@rollcall/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireLease, holdLease } from "../leases.ts";
import { migrateUp, restoreTables } from "../migrate/migrate.ts";
import { dumpRows, liveApp } from "../migrate/testing.ts";
import type { Pool } from "../pool.ts";
import { advanceRun, takeRun } from "../run-steps.ts";
import { requestRun } from "../runs.ts";
import { createEmptyPool, getSession, makeSnapshot, writeUsers } from "../testing.ts";
import { findSession } from "../users.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { describeLeft } from "./restore-schema.ts";

let pool: Pool;

beforeEach(async () => {
  pool = await createEmptyPool();
  await migrateUp(pool);
});
afterEach(() => pool.end());

const listSays = async () => (await findSchemaProblems(pool)).map(({ says }) => says);

/** The error of a call, once the schema was checked anew. */
async function readError(call: () => Promise<unknown>): Promise<unknown> {
  await pool.schema.check();
  return call().then(
    () => undefined,
    (error: unknown) => error,
  );
}

const write = () => writeUsers(pool, [makeSnapshot()]);

test("nothing is wrong after the migration, nor after the adoption of a live app", async () => {
  expect(await listSays()).toEqual([]);
  const app = await createEmptyPool();
  await app.query(liveApp);
  await migrateUp(app);
  expect(await findSchemaProblems(app)).toEqual([]);
  expect(await restoreTables(app)).toEqual({ restored: [], left: [] });
  await app.end();
});

/** A change of the app, the line that names it, and whether a write fails because of it. */
const changes: [string, string, string, boolean][] = [
  ["alter table users drop column image_url", "public.users.image_url is missing", "", true],
  ["alter table users drop column role_source", "public.users.role_source is missing", "", true],
  ["alter table mentorados drop column linked_at", "public.mentorados.linked_at is missing", "", true],
  [
    "alter table users rename image_url to avatar_url",
    "public.users.image_url is missing, because it was renamed to avatar_url",
    "alter table public.users rename column avatar_url to image_url;",
    true,
  ],
  [
    `alter table mentorados rename turma to "Turma nova"`,
    "public.mentorados.turma is missing, because it was renamed to Turma nova",
    `alter table public.mentorados rename column "Turma nova" to turma;`,
    true,
  ],
  [
    "alter table users rename to members",
    "public.users is missing, because it was renamed to public.members",
    "alter table public.members rename to users;",
    true,
  ],
  [
    "alter table users alter image_url type integer using null",
    "public.users.image_url is integer, but must be text, or varchar of at least 255: change its type, or rename it",
    "alter table public.users alter column image_url type text using image_url::text;",
    true,
  ],
  [
    "alter table users alter banned drop default; alter table users alter banned type text, alter banned set default 'no'",
    "public.users.banned is text, but must be boolean: change its type, or rename it",
    "alter table public.users alter column banned drop default, alter column banned type boolean using banned::boolean;",
    true,
  ],
  [
    "alter table users drop constraint users_clerk_id_unique",
    "public.users.clerk_id has no unique key (users_clerk_id_unique)",
    "",
    true,
  ],
  [
    "alter table mentorados drop constraint mentorados_user_id_unique",
    "public.mentorados.user_id has no unique key (mentorados_user_id_unique)",
    "",
    true,
  ],
  [
    "alter table mentorados drop constraint mentorados_user_id_users_id_fk",
    "public.mentorados.user_id has no foreign key to public.users (id) (mentorados_user_id_users_id_fk)",
    "",
    false,
  ],
  [
    `alter table mentorados drop constraint mentorados_user_id_users_id_fk,
       add constraint theirs foreign key (user_id) references users (id) on delete cascade`,
    "public.mentorados.user_id has a foreign key (theirs) that is not valid or not on delete set null",
    "",
    false,
  ],
  ["drop index users_claimant_email", "The index public.users_claimant_email is missing", "", false],
  ["drop index users_clerk_created_at", "The index public.users_clerk_created_at is missing", "", false],
  ["drop index mentorados_near_email", "The index public.mentorados_near_email is missing", "", false],
  [
    "drop index users_clerk_created_at; create index users_clerk_created_at on users (clerk_created_at)",
    "The index public.users_clerk_created_at has another form",
    "drop index public.users_clerk_created_at; create index users_clerk_created_at on public.users using btree (clerk_created_at) where deleted_at is null;",
    false,
  ],
  [
    "update users set email = 'x'; alter table users alter email set not null",
    "public.users.email is NOT NULL, but must be able to be null",
    "",
    false,
  ],
  [
    "alter table users alter tier drop default",
    "public.users.tier has no default, but needs 'FREE'",
    "",
    true,
  ],
  ["alter table users alter role drop not null", "public.users.role may be null, but must not", "", false],
  [
    "alter table users add phone text not null",
    "public.users.phone is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
    "alter table public.users alter column phone drop not null;",
    true,
  ],
];

test.each(changes)(
  "%s: it is named, and restored or its statement is right",
  async (change, says, statement, fails) => {
    await pool.query(change);
    expect(await listSays()).toEqual([says]);

    const error = await readError(write);
    if (fails) {
      expect(error).toMatchObject({ code: "schema.changed", message: expect.stringContaining(says) });
      expect(isOutage(error)).toBe(true);
    } else expect(error).toBeUndefined();
    await pool.query(
      `truncate ${says.includes("members") ? "members" : "users"}, mentorados, rollcall.events`,
    );

    const { restored, left } = await restoreTables(pool);
    if (statement === "") expect({ restored, left }).toEqual({ restored: [says], left: [] });
    else {
      expect(restored).toEqual([]);
      expect(describeLeft(left)).toEqual([`  ${says}`, `    ${statement}`]);
      await pool.query(statement);
      // drizzle's statement would set it again. The type alone is what the line is about.
      await restoreTables(pool);
    }
    expect(await restoreTables(pool)).toEqual({ restored: [], left: [] });
    expect(await listSays()).toEqual([]);
    expect(await readError(write)).toBeUndefined();
  },
);

test("errors of one user's values are no changed schema, also while something else changed", async () => {
  await pool.query("drop index users_claimant_email; alter table users drop column role_source");
  await pool.query(
    "alter table users add role_source text; alter table users add check (email <> 'a@example.com')",
  );
  expect(await readError(write)).toMatchObject({ code: "user.rejected", sqlState: "23514" });
  expect(await readError(() => pool.query("select 'x'::integer"))).toMatchObject({ code: "user.rejected" });
  expect(await readError(() => pool.query("select nothing from rollcall.runs"))).toMatchObject({
    code: "postgres.unavailable",
    sqlState: "42703",
  });
});

test("an error before the first check is explained too, and many errors cost one check", async () => {
  await pool.query("alter table users rename image_url to avatar_url");
  let checks = 0;
  const query = pool.driver.query.bind(pool.driver);
  pool.driver.query = ((...args: Parameters<typeof query>) => {
    if (JSON.stringify(args[0]).includes("where oid = to_regclass('rollcall.known_columns')")) checks++;
    return query(...args);
  }) as typeof pool.driver.query;
  const startedAt = Date.now();
  const errors = await Promise.all(
    Array.from({ length: 40 }, () => findSession(pool, "user_a").catch((e) => e)),
  );
  expect(new Set(errors.map((error: AppError) => error.code))).toEqual(new Set(["schema.changed"]));
  // Each check asks once for the migration's mark. A busy machine takes seconds.
  expect(checks).toBeLessThanOrEqual(1 + (Date.now() - startedAt) / 1_000);
});

test("errors inside of more transactions than there are connections are explained without waiting for one", async () => {
  await pool.query("alter table users rename image_url to avatar_url");
  const startedAt = Date.now();
  const errors = await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      writeUsers(pool, [makeSnapshot({ clerkId: `user_${index}` })]).catch((error: unknown) => error),
    ),
  );
  expect(errors.map((error) => (error as AppError).code)).toEqual(Array(30).fill("schema.changed"));
  // An explanation that waits for a connection does so for the pool's own limit, which is 10 s.
  expect(Date.now() - startedAt).toBeLessThan(9_000);
});

test("a change right after a check is seen by the next failing statement", async () => {
  await pool.schema.check();
  await pool.query("alter table users rename image_url to avatar_url");
  const error = await write().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "schema.changed" });
  expect(pool.schema.isBroken()).toBe(true);
});

test("a row whose types changed is not read as if it were right", async () => {
  await write();
  await pool.query("alter table users alter banned drop default; alter table users alter banned type text");
  const error = await readError(() => findSession(pool, "user_a"));
  expect(error).toMatchObject({ code: "internal" });
  expect(await pool.schema.explain(error)).toMatchObject({ code: "schema.changed" });
});

test("a type that the adoption accepts needs no new connection", async () => {
  const warm = await Promise.all(
    Array.from({ length: 8 }, (_, index) => writeUsers(pool, [makeSnapshot({ clerkId: `user_${index}` })])),
  );
  expect(warm).toHaveLength(8);
  await pool.query("alter table users alter clerk_id type varchar(64)");
  const again = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      writeUsers(pool, [makeSnapshot({ clerkId: `user_${index}`, clerkUpdatedAtMs: 2_000 })]),
    ),
  );
  expect(again).toHaveLength(8);
});

test("a renamed column is not guessed after a dump and restore, and a dropped one without a likeness comes back", async () => {
  await pool.query("update rollcall.known_columns set relation = 1");
  await pool.query(
    "alter table users rename image_url to avatar_url; alter table users drop column read_ticket",
  );
  const { restored, left } = await restoreTables(pool);
  expect(restored).toEqual(["public.users.read_ticket is missing"]);
  expect(describeLeft(left)).toEqual([
    "  public.users.image_url is missing, or was renamed to one of: avatar_url",
    "    alter table public.users rename column avatar_url to image_url -- or, if it was dropped: alter table public.users add column image_url text",
  ]);
});

test("what can be restored is, beside what cannot", async () => {
  await pool.query(`
    alter table users drop column tier, drop column clerk_created_at;
    alter table users rename image_url to avatar_url;
    alter table mentorados alter turma type integer using null`);
  const { restored, left } = await restoreTables(pool);
  expect(restored.toSorted()).toEqual([
    "The index public.users_clerk_created_at is missing",
    "public.users.clerk_created_at is missing",
    "public.users.tier is missing",
  ]);
  expect(left.map(({ object }) => object).toSorted()).toEqual([
    "public.mentorados.turma",
    "public.users.image_url",
  ]);
});

test("keys that refuse people are named with the statement that drops them", async () => {
  await pool.query(`
    alter table users add constraint theirs unique (email); create unique index "One name" on users (name);
    alter table users drop constraint users_clerk_id_unique,
      add constraint users_clerk_id_unique unique (clerk_id) deferrable`);
  const { left } = await restoreTables(pool);
  expect(left.map(({ statement }) => statement)).toEqual([
    "alter table public.users drop constraint theirs",
    `drop index public."One name"`,
    "alter table public.users drop constraint users_clerk_id_unique",
  ]);
  expect(await readError(write)).toMatchObject({ code: "schema.changed", sqlState: "55000" });
  for (const { statement } of left) await pool.query(statement ?? "");
  await restoreTables(pool);
  expect(await readError(write)).toBeUndefined();
  expect(await listSays()).toEqual([]);
});

/** The statement of docs/RUNBOOK.md, as an operator would copy it. */
const readRunbook = () => readFile(new URL("../../../../docs/RUNBOOK.md", import.meta.url), "utf8");

test("the runbook's statement fills dropped Clerk ids for accounts that a verified address and the creation time prove, and for no others", async () => {
  const people = ["a", "b", "c", "d", "e"].map((name, index) =>
    makeSnapshot({
      clerkId: `user_${name}`,
      email: name === "e" ? "d@example.com" : `${name}@example.com`,
      emailVerified: name !== "b",
      clerkCreatedAtMs: name === "e" ? 1_003 : 1_000 + index,
    }),
  );
  await writeUsers(pool, people);
  await pool.query("alter table users drop column clerk_id");
  await pool.query("alter table users add column clerk_id text");
  await pool.query(
    "create table public.clerk_export (id text, email text, verified boolean, created_at_ms bigint)",
  );
  for (const { clerkId, email, emailVerified, clerkCreatedAtMs } of people) {
    // Another account has the address of user_c by now.
    const values =
      clerkId === "user_c"
        ? ["user_new", email, true, 9_000]
        : [clerkId, email, emailVerified, clerkCreatedAtMs];
    await pool.query("insert into public.clerk_export values ($1, $2, $3, $4)", values);
  }
  const statement = (await readRunbook()).match(/```sql\n(with matches as .*?)```/s)?.[1] ?? "";
  await pool.query(statement);
  const rows = await pool.query("select email, clerk_id from users order by id");
  expect(rows.rows.map(({ clerk_id }) => clerk_id)).toEqual(["user_a", null, null, null, null]);
  // A person decides: an id that no account has. The other rows get their accounts.
  await pool.query(`
    update users set clerk_id = 'user_b' where email = 'b@example.com';
    update users set clerk_id = 'deleted_row_' || id where clerk_id is null`);
  expect((await restoreTables(pool)).left).toEqual([]);
  await writeUsers(pool, [
    ...people.slice(0, 2),
    makeSnapshot({ clerkId: "user_new", email: "c@example.com" }),
  ]);
  // The old profile of the address stays with its row.
  const profiles = await pool.query(
    "select u.clerk_id, m.id from users u join mentorados m on m.user_id = u.id where m.email = 'c@example.com' order by m.id",
  );
  expect(profiles.rows).toHaveLength(2);
  expect(profiles.rows[1]).toMatchObject({ clerk_id: "user_new" });
});

test("keys that rows contradict are left, with the rows", async () => {
  await pool.query("alter table mentorados drop constraint mentorados_user_id_unique");
  await pool.query("insert into users (clerk_id) values ('user_a')");
  await pool.query(
    "insert into mentorados (user_id, nome_completo) select id, 'A' from users, generate_series(1, 2)",
  );
  const { restored, left } = await restoreTables(pool);
  expect(restored).toEqual([]);
  expect(left.map(({ says }) => says)).toEqual([
    expect.stringMatching(/has no unique key.*rows share it:\n.*mentorados 1, 2/s),
  ]);
});

test("without the Clerk ids, rows stay as they are until a person fills the column, and then the tombstones are final again", async () => {
  await writeUsers(pool, [makeSnapshot(), makeSnapshot({ clerkId: "user_b", email: "b@example.com" })]);
  await pool.query(
    "insert into rollcall.events (clerk_id, kind, cause) values ('user_b', 'user_tombstoned', 'webhook')",
  );
  await pool.query("alter table users drop column clerk_id, drop column deleted_at");
  const rows = await dumpRows(pool, "users");
  const { restored, left } = await restoreTables(pool);
  expect(restored).toEqual([]);
  expect(left.map(({ object }) => object)).toEqual([
    "public.users.clerk_id",
    "public.users.deleted_at",
    "users_clerk_id_unique",
    "public.users_claimant_email",
    "public.users_clerk_created_at",
  ]);
  expect(describeLeft(left).join("\n")).toContain(
    "alter table public.users add column clerk_id text -- then fill it",
  );
  expect(await dumpRows(pool, "users")).toEqual(rows);
  expect(await readError(write)).toMatchObject({ code: "schema.changed" });

  await pool.query("alter table public.users add column clerk_id text");
  const half = await restoreTables(pool);
  expect(half.left.map(({ says }) => says)).toContain(
    "public.users.clerk_id may be null, but must not. public.users.clerk_id must have a value, but is null in users 1, 2",
  );
  await pool.query(
    "update users set clerk_id = case email when 'b@example.com' then 'user_b' else 'user_a' end",
  );
  expect((await restoreTables(pool)).left).toEqual([]);
  await write();
  expect(
    await pool
      .query("select clerk_id, deleted_at is not null as gone from users order by 1")
      .then(({ rows }) => rows),
  ).toEqual([
    { clerk_id: "user_a", gone: false },
    { clerk_id: "user_b", gone: true },
  ]);
});

test("a dropped users table is not made anew while profiles would belong to other users", async () => {
  await write();
  await pool.query("drop table users cascade");
  const { restored, left } = await restoreTables(pool);
  expect(restored).toEqual([]);
  expect(left[0]?.says).toMatch(
    /^public.users is missing. public.mentorados.user_id must be the id of a user/,
  );
  await pool.query("update mentorados set user_id = null");
  expect((await restoreTables(pool)).left).toEqual([]);
  // The former profile was linked once, so it is not given away.
  await write();
  expect((await getSession(pool)).mentorado?.id).not.toBe(1);
});

test("restored columns get what Rollcall's own tables know, and a full sync is requested for the rest", async () => {
  await writeUsers(pool, [makeSnapshot(), makeSnapshot({ clerkId: "user_b", email: "b@example.com" })]);
  await pool.query(`
    update users set deleted_at = '2026-01-01', email = null where clerk_id = 'user_b';
    insert into rollcall.events (clerk_id, kind, cause, at) values ('user_b', 'user_tombstoned', 'webhook', '2026-01-01');
    insert into rollcall.events (clerk_id, kind, cause, details) values ('user_a', 'tier_changed', 'admin', '{"to": "PRO"}');
    insert into rollcall.former_profiles select id, 'user_b' from mentorados where email = 'b@example.com';
    update mentorados set user_id = null where email = 'b@example.com';
    alter table users drop column deleted_at, drop column tier, drop column clerk_updated_at, drop column read_ticket;
    alter table mentorados drop column linked_at`);
  expect((await restoreTables(pool)).left).toEqual([]);
  const users = await pool.query(
    "select clerk_id, tier, deleted_at::date::text as deleted from users order by 1",
  );
  expect(users.rows).toEqual([
    { clerk_id: "user_a", tier: "PRO", deleted: null },
    { clerk_id: "user_b", tier: "FREE", deleted: "2026-01-01" },
  ]);
  expect((await pool.query("select from mentorados where linked_at is null")).rows).toEqual([]);
  const runs = await pool.query("select mode, started_by, state from rollcall.runs");
  expect(runs.rows).toEqual([{ mode: "full", started_by: "migrate", state: "waiting" }]);
  await write();
  expect((await getSession(pool)).user).toMatchObject({ readTicket: 1, clerkUpdatedAt: new Date(1_000) });
});

test("a full sync that had passed the users before its columns were restored begins anew", async () => {
  await write();
  const { run } = await requestRun(pool, { mode: "full", dryRun: false, startedBy: "schedule" });
  await takeRun(pool, run.id);
  const lease = await acquireLease(pool, "full", 60_000);
  if (!lease) throw new Error("Another process holds the lease");
  await advanceRun(pool, run.id, { phase: "close" }, { pages: 1 });
  await pool.query("alter table users drop column clerk_updated_at");
  expect((await restoreTables(pool)).left).toEqual([]);
  expect(await holdLease(pool, lease)).toBe(false);
  expect(await acquireLease(pool, "full", 60_000)).toBeDefined();
  expect(await takeRun(pool, run.id)).toMatchObject({ checkpoint: null, attempts: 1, isResumed: true });
  expect((await pool.query("select from rollcall.runs")).rows).toHaveLength(1);
});

test("several processes may restore at once: one does it", async () => {
  await pool.query("alter table users drop column tier");
  const all = await Promise.all([restoreTables(pool), restoreTables(pool), restoreTables(pool)]);
  expect(all.map(({ restored }) => restored.length).toSorted()).toEqual([0, 0, 1]);
});
