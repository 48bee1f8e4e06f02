import type { Mapping } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { callAdmin, listAll } from "../harness/admin.ts";
import { describeOnOneBackend } from "../harness/backends.ts";
import { ensure, ensureAgain } from "../harness/calls.ts";
import { migrate } from "../harness/migrate.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The app keeps its tables as they are. Its profile goes with its user, and no key keeps a user from a second one. */
const mapping: Mapping = {
  users: {
    table: "app.members",
    key: { column: "id", type: "uuid" },
    state: "separate",
    columns: {
      clerkId: "clerk_id",
      email: "email",
      name: "full_name",
      tier: "plan",
      updatedAt: "changed_at",
    },
  },
  profile: {
    name: "profile",
    table: "app.profiles",
    link: "member",
    key: { column: "id", type: "integer" },
    columns: { title: { from: "name", default: "New" }, contact: { from: "email" } },
  },
};

const tables = `
create schema app;
create type app.plan as enum ('FREE', 'PRO');
create table app.members (
  id uuid primary key default gen_random_uuid(), clerk_id varchar(64) unique, email text, full_name text,
  plan app.plan not null default 'FREE', role text not null default 'owner', changed_at timestamp(3) not null
);
create table app.profiles (
  id serial primary key, member uuid references app.members (id) on delete cascade, title text not null, contact text
);
create index on app.profiles (member);
create table app.notes (id serial primary key, member uuid not null references app.members (id) on delete restrict);
`;

const catalog = `
select c.relname, c.relkind, c.relowner::regrole::text as owner,
  array(select concat_ws(' ', a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
          (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum))
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum) as columns,
  array(select pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = c.oid order by 1) as indexes,
  array(select k.conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = c.oid order by 1) as constraints,
  array(select pg_get_triggerdef(t.oid) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal order by 1) as triggers
from pg_class c where c.relnamespace = 'app'::regnamespace order by c.oid`;

const findings = z.object({
  findings: z.array(z.object({ name: z.string(), state: z.string(), says: z.string() })),
});

type Member = { id: string; email: string | null; full_name: string | null; plan: string; role: string };
type Profile = { id: number; member: string | null; title: string; contact: string | null };

describeOnOneBackend((backend) => {
  let system: System;
  let before: unknown[];
  let veterans: string[];
  beforeAll(async () => {
    system = await startSystem({
      backend,
      underRoles: true,
      // No scheduled run interferes.
      environment: { RECONCILE_CATCHUP_EVERY_MS: "86400000" },
      app: {
        mapping,
        fill: async ({ db, clerk }) => {
          await db.query(tables);
          await clerk.users.seed(5);
          veterans = (await clerk.users.list()).map(({ id }) => id);
          await db.query(
            "insert into app.members (clerk_id, email, plan, changed_at) select id, 'old@example.com', 'PRO', now() from unnest($1::text[]) id",
            [veterans],
          );
          await db.query("insert into app.notes (member) select id from app.members");
          await db.query(
            "insert into app.profiles (member, title) select id, 'Own' from app.members limit 1",
          );
          before = (await db.query(catalog)).rows;
        },
      },
    });
  });
  afterAll(() => system?.stop());
  beforeEach(() => untilNoRunIsOpen());

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, args);
    return { code: await command.exited, output: command.output() };
  }

  const untilNoRunIsOpen = () =>
    waitFor("the end of all runs", async () => {
      const { rows } = await system.db.query("select from rollcall.runs where finished_at is null");
      return rows.length === 0 ? true : undefined;
    });

  async function readMember(clerkId: string): Promise<Member | undefined> {
    return (await system.db.query<Member>("select * from app.members where clerk_id = $1", [clerkId]))
      .rows[0];
  }

  const untilMember = (clerkId: string, fits: (row: Member) => boolean = () => true) =>
    waitFor(`a row for ${clerkId}`, async () => {
      const row = await readMember(clerkId);
      return row && fits(row) ? row : undefined;
    });

  const untilProfile = (clerkId: string) =>
    waitFor(`a profile for ${clerkId}`, async () => {
      const { rows } = await system.db.query<Profile>(
        "select p.* from app.profiles p join app.members u on u.id = p.member where u.clerk_id = $1",
        [clerkId],
      );
      return rows[0];
    });

  const readState = async (clerkId: string) =>
    (await system.db.query("select * from rollcall.user_states where clerk_id = $1", [clerkId])).rows[0];

  const makeUnclaimed = async (contact: string, count = 1): Promise<number[]> =>
    (
      await system.db.query<{ id: number }>(
        "insert into app.profiles (title, contact) select 'Waiting', $1 from generate_series(1, $2) returning id",
        [contact, count],
      )
    ).rows.map(({ id }) => id);

  test("a full sync writes the columns that the mapping names, and a dry run says so and changes nothing", async () => {
    expect(await rollcall("reconcile")).toMatchObject({ code: 0 });
    const lost = await system.clerk.users.create({ email: "lost@example.com" }, { silent: true });
    const rows = "select to_jsonb(u) as row from app.members u order by id";
    const old = (await system.db.query(rows)).rows;
    const dry = await rollcall("reconcile", "--dry-run", "--json");
    expect({ code: dry.code, output: JSON.parse(dry.output) }).toMatchObject({
      code: 0,
      output: { counts: { created: 1, failed: 0 } },
    });
    expect((await system.db.query(rows)).rows).toEqual(old);
    expect(await rollcall("reconcile")).toMatchObject({ code: 0 });
    expect(await readMember(lost.id)).toMatchObject({ email: "lost@example.com" });
    for (const id of veterans) {
      const atClerk = await system.clerk.users.get(id);
      expect(await readMember(id)).toMatchObject({
        email: atClerk.email_addresses[0]?.email_address,
        ...{ plan: "PRO", role: "owner" },
      });
      expect(await readState(id)).toMatchObject({ role: "user", email: null, deleted_at: null });
    }
    expect((await system.db.query("select from app.profiles")).rows).toHaveLength(6);
    const again = await rollcall("reconcile", "--dry-run", "--json");
    expect(JSON.parse(again.output)).toMatchObject({
      counts: { created: 0, linked: 0, updated: 0, unchanged: 6, deleted: 0, failed: 0 },
    });
  });

  test("a webhook makes row and profile, a ban refuses the login, and a deletion leaves both without a person", async () => {
    const person = await system.clerk.users.create({ firstName: "Carla", email: "carla@example.com" });
    const { id } = await untilProfile(person.id);
    expect(await readMember(person.id)).toMatchObject({
      ...{ email: "carla@example.com", full_name: "Carla", plan: "FREE", role: "owner" },
    });
    const answer = await ensure(system, person.id);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        user: { clerkId: person.id, role: "user", tier: "FREE", banned: false },
        profile: { id, title: "Carla", contact: "carla@example.com", linkedAt: expect.any(String) },
      },
    });
    await system.clerk.users.ban(person.id);
    await waitFor("the ban", async () => ((await readState(person.id)).banned ? true : undefined));
    expect((await ensure(system, person.id)).status).toBe(403);
    await system.clerk.users.delete(person.id);
    await untilMember(person.id, ({ email }) => email === null);
    expect((await ensure(system, person.id)).status).toBe(410);
    const left = await system.db.query("select member, contact from app.profiles where id = $1", [id]);
    expect(left.rows).toEqual([{ member: null, contact: "carla@example.com" }]);
    expect(await rollcall("purge", person.id)).toMatchObject({ code: 0 });
    const erased = await system.db.query("select title, contact from app.profiles where id = $1", [id]);
    expect(erased.rows).toEqual([{ title: "Removed", contact: null }]);
  });

  test("a login makes rows whose webhook is lost, and links the profile of the verified email", async () => {
    const [id] = await makeUnclaimed("dora@example.com");
    const person = await system.clerk.users.create({ email: "Dora@Example.com" }, { silent: true });
    const { status, body } = await ensureAgain(system, person.id);
    expect({ status, body }).toMatchObject({ status: 200, body: { profile: { id, title: "Waiting" } } });
  });

  test("an operator resolves a conflict, changes a tier, and sees each user once", async () => {
    const [chosen, other] = await makeUnclaimed("twice@example.com", 2);
    const person = await system.clerk.users.create({ email: "twice@example.com" });
    const fresh = await untilProfile(person.id);
    const list = (await callAdmin(system, "/api/admin/conflicts")).body as { items: { id: number }[] };
    expect(list.items).toMatchObject([{ candidateIds: [chosen, other], profileId: fresh.id }]);
    const resolved = await callAdmin(system, `/api/admin/conflicts/${list.items[0]?.id}/resolve`, {
      method: "POST",
      body: { mentoradoId: chosen },
    });
    expect(resolved.status).toBe(204);
    expect(await untilProfile(person.id)).toMatchObject({ id: chosen });
    const path = `/api/admin/users/${person.id}`;
    expect((await callAdmin(system, path, { method: "PATCH", body: { tier: "PRO" } })).status).toBe(200);
    expect((await callAdmin(system, path, { method: "PATCH", body: { tier: "GOLD" } })).status).toBe(400);
    expect(await readMember(person.id)).toMatchObject({ plan: "PRO" });
    const items = await listAll<{ clerkId: string }>(system, "/api/admin/users?limit=2");
    const found = items.map(({ clerkId }) => clerkId);
    const all = await system.db.query<{ clerk_id: string }>("select clerk_id from app.members");
    expect(found.toSorted()).toEqual(all.rows.map(({ clerk_id }) => clerk_id).toSorted());
  });

  test("a full sync finds a lost deletion, and an incremental sync a lost change", async () => {
    const gone = await system.clerk.users.create({ email: "eva@example.com" });
    const changed = await system.clerk.users.create({ email: "fabia@example.com" });
    await Promise.all([untilProfile(gone.id), untilProfile(changed.id)]);
    await system.clerk.users.delete(gone.id, { silent: true });
    await system.clerk.users.update(changed.id, { publicMetadata: { role: "admin" } }, { silent: true });
    expect(await rollcall("reconcile", "--catch-up")).toMatchObject({ code: 0 });
    expect(await readState(changed.id)).toMatchObject({ role: "admin", role_source: "clerk" });
    expect(await rollcall("reconcile")).toMatchObject({ code: 0 });
    expect(await readMember(gone.id)).toMatchObject({ email: null });
    expect(await readState(gone.id)).toMatchObject({ deleted_at: expect.any(Date) });
  });

  test("doctor finds the tables whole, and names a second profile that the app made", async () => {
    const wrong = async () => {
      const { findings: all } = findings.parse(JSON.parse((await rollcall("doctor", "--json")).output));
      return all.filter(({ name, state }) => name.startsWith("postgres.") && state !== "ok");
    };
    expect(await wrong()).toEqual([]);
    const [id = ""] = veterans;
    await system.db.query(
      "insert into app.profiles (member, title) select id, 'Second' from app.members where clerk_id = $1",
      [id],
    );
    expect(await wrong()).toMatchObject([
      { name: "postgres.duplicates", says: expect.stringContaining("app.profiles.member must be unique") },
    ]);
    await system.db.query("delete from app.profiles where title = 'Second'");
  });

  test("the app's tables are as they were before migrate, and also after every migration is reverted", async () => {
    expect((await system.db.query(catalog)).rows).toEqual(before);
    const members = "select to_jsonb(u) as row from app.members u order by id";
    const rows = (await system.db.query(members)).rows;
    const owner = { ...system.environment, DATABASE_URL: system.postgres.url };
    await Promise.all([system.api.stop(), system.worker.stop()]);
    while ((await migrate(owner, ["--down"])).includes("Reverted"));
    expect((await system.db.query(catalog)).rows).toEqual(before);
    expect((await system.db.query(members)).rows).toEqual(rows);
    await migrate(owner);
    expect((await system.db.query(catalog)).rows).toEqual(before);
  });
});
