import type { Mapping } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The Clerk id is the key, and there are no profiles: the most common tables of all. */
const mapping: Mapping = {
  users: {
    table: "users",
    key: { column: "id", type: "text" },
    state: "added",
    columns: { clerkId: "id", email: "email", tier: "tier" },
  },
  profile: null,
};

const tables = `
create table users (id text primary key, email text, tier text not null default 'free');
create table posts (id serial primary key, author text not null references users (id), title text not null)`;

/** The app had them before Rollcall. */
let veterans: string[];

const page = z.object({
  items: z.array(z.object({ id: z.string(), clerkId: z.string() })),
  nextCursor: z.string().nullable(),
});

const doctorAnswer = z.object({
  findings: z.array(z.object({ name: z.string(), state: z.string(), says: z.string() })),
});

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({
      backend,
      // No scheduled run interferes.
      environment: { RECONCILE_CATCHUP_EVERY_MS: "86400000" },
      app: {
        mapping,
        fill: async ({ db, clerk }) => {
          await db.query(tables);
          await clerk.users.seed(5);
          veterans = (await clerk.users.list()).map(({ id }) => id);
          await db.query(
            "insert into users (id, email, tier) select id, 'old@example.com', 'gold' from unnest($1::text[]) id",
            [veterans],
          );
          await db.query("insert into posts (author, title) select id, 'Hello' from users");
        },
      },
    });
    await rollcall("reconcile");
  });
  afterAll(() => system?.stop());
  beforeEach(() => untilNoRunIsOpen());

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, args);
    return { code: await command.exited, output: command.output() };
  }

  function untilNoRunIsOpen(): Promise<true> {
    return waitFor("the end of all runs", async () => {
      const { rows } = await system.db.query("select from rollcall.runs where finished_at is null");
      return rows.length === 0 ? true : undefined;
    });
  }

  async function readRow(clerkId: string): Promise<Record<string, unknown> | undefined> {
    return (await system.db.query("select * from users where id = $1", [clerkId])).rows[0];
  }

  const untilRow = (clerkId: string, fits: (row: Record<string, unknown>) => boolean = () => true) =>
    waitFor(`a row for ${clerkId}`, async () => {
      const row = await readRow(clerkId);
      return row && fits(row) ? row : undefined;
    });

  test("a full sync writes Clerk's values into the app's rows, and keeps the tiers and what refers to them", async () => {
    expect(await rollcall("reconcile")).toMatchObject({ code: 0 });
    for (const id of veterans) {
      const atClerk = await system.clerk.users.get(id);
      expect(await readRow(id)).toMatchObject({
        email: atClerk.email_addresses[0]?.email_address,
        email_verified: true,
        tier: "gold",
        role: "user",
        banned: false,
        deleted_at: null,
      });
    }
    const posts = await system.db.query("select author from posts where author = any ($1)", [veterans]);
    expect(posts.rows).toHaveLength(veterans.length);
    const columns = await system.db.query(
      "select attname from pg_attribute where attrelid = 'users'::regclass and attname in ('name', 'image_url', 'clerk_id')",
    );
    expect(columns.rows).toEqual([]);
  });

  test("a webhook makes and updates the row, and its deletion leaves a tombstone", async () => {
    const { id } = await system.clerk.users.create({ email: "carla@example.com" });
    expect(await untilRow(id)).toMatchObject({ email: "carla@example.com", tier: "free" });
    await system.clerk.users.ban(id);
    await untilRow(id, ({ banned }) => banned === true);
    expect((await ensure(system, id)).status).toBe(403);
    await system.clerk.users.unban(id);
    await untilRow(id, ({ banned }) => banned === false);
    await system.clerk.users.delete(id);
    expect(await untilRow(id, ({ deleted_at }) => deleted_at !== null)).toMatchObject({
      email: null,
      tier: "free",
    });
    expect((await ensure(system, id)).status).toBe(410);
  });

  test("a login makes a row whose webhook is lost, and waits for no profile", async () => {
    const { id } = await system.clerk.users.create({ email: "dora@example.com" }, { silent: true });
    const first = await ensure(system, id);
    expect(first).toMatchObject({
      status: 200,
      body: {
        success: true,
        created: true,
        user: { id, clerkId: id, email: "dora@example.com", name: null, imageUrl: null, tier: "free" },
      },
    });
    // No profile, and so no key for one.
    expect(Object.keys(first.body as object).sort()).toEqual(["created", "success", "user"]);
    expect(await ensure(system, id)).toMatchObject({ status: 200, body: { created: false, user: { id } } });
    expect(await readRow(id)).toMatchObject({ id, email: "dora@example.com" });
  });

  test("an incremental sync writes changes whose webhooks are lost", async () => {
    const { id } = await system.clerk.users.create();
    await untilRow(id);
    await system.clerk.users.update(id, { publicMetadata: { role: "admin" } }, { silent: true });
    const lost = await system.clerk.users.create({ email: "eva@example.com" }, { silent: true });
    expect(await rollcall("reconcile", "--catch-up")).toMatchObject({ code: 0 });
    expect(await readRow(id)).toMatchObject({ role: "admin" });
    expect(await readRow(lost.id)).toMatchObject({ email: "eva@example.com" });
  });

  test("a dry run reports what a full sync would write, and changes no row", async () => {
    const { id } = await system.clerk.users.create({}, { silent: true });
    const rows = "select to_jsonb(u) as row from users u order by id";
    const before = (await system.db.query(rows)).rows;
    const { code, output } = await rollcall("reconcile", "--dry-run", "--json");
    expect({ code, output: JSON.parse(output) }).toMatchObject({
      code: 0,
      output: { counts: { created: 1, failed: 0 } },
    });
    expect((await system.db.query(rows)).rows).toEqual(before);
    expect(await rollcall("reconcile")).toMatchObject({ code: 0 });
    expect(await readRow(id)).toBeDefined();
  });

  test("a full sync finds a lost deletion", async () => {
    const { id } = await system.clerk.users.create();
    await untilRow(id);
    await system.db.query("insert into posts (author, title) values ($1, 'Mine')", [id]);
    await system.clerk.users.delete(id, { silent: true });
    expect(await rollcall("reconcile")).toMatchObject({ code: 0 });
    expect(await readRow(id)).toMatchObject({ deleted_at: expect.any(Date), email: null });
    expect((await system.db.query("select from posts where author = $1", [id])).rows).toHaveLength(1);
  });

  test("explain shows the row and no difference, and a purge leaves the Clerk id alone", async () => {
    const { id } = await system.clerk.users.create({ email: "fabia@example.com", firstName: "Fabia" });
    await untilRow(id);
    const explained = await rollcall("explain", id, "--json");
    expect(JSON.parse(explained.output)).toMatchObject({
      why: "In place: the user has a row.",
      user: { id, email: "fabia@example.com", name: null },
      mentorado: null,
      conflicts: [],
      differences: [],
    });
    await system.clerk.users.delete(id);
    await untilRow(id, ({ deleted_at }) => deleted_at !== null);
    expect(await rollcall("purge", id)).toMatchObject({ code: 0 });
    expect(JSON.stringify(await readRow(id))).not.toContain("fabia");
  });

  test("an operator lists each user once, by pages, finds them by email, and changes a tier", async () => {
    const found: string[] = [];
    let cursor = "";
    do {
      const { status, body } = await callAdmin(system, `/api/admin/users?limit=2${cursor}`);
      expect(status).toBe(200);
      const { items, nextCursor } = page.parse(body);
      for (const { id, clerkId } of items) expect(id).toBe(clerkId);
      found.push(...items.map(({ clerkId }) => clerkId));
      cursor = nextCursor === null ? "" : `&cursor=${nextCursor}`;
    } while (cursor !== "");
    const all = await system.db.query<{ id: string }>("select id from users");
    expect(found.toSorted()).toEqual(all.rows.map(({ id }) => id).toSorted());

    const [id = ""] = veterans;
    const { email_addresses } = await system.clerk.users.get(id);
    const searched = await callAdmin(system, `/api/admin/users?query=${email_addresses[0]?.email_address}`);
    expect(page.parse(searched.body).items).toMatchObject([{ id }]);
    const changed = await callAdmin(system, `/api/admin/users/${id}`, {
      method: "PATCH",
      body: { tier: "PRO" },
    });
    expect(changed.status).toBe(200);
    expect(await readRow(id)).toMatchObject({ tier: "PRO" });
    expect(await callAdmin(system, "/api/admin/columns")).toMatchObject({
      status: 200,
      body: { profile: null },
    });
    expect((await callAdmin(system, "/api/admin/users?withoutProfile=true")).status).toBe(400);
  });

  test("status and doctor find the app's tables whole", async () => {
    const status = await rollcall("status");
    expect(status).toMatchObject({ code: 0, output: expect.stringMatching(/Schema +whole/) });
    expect(status.output).toMatch(/Without profile +0/);
    expect(status.output).toMatch(/Mapping +\S+rollcall\.config\.json/);
    const { output } = await rollcall("doctor", "--json");
    const { findings } = doctorAnswer.parse(JSON.parse(output));
    expect(findings.filter(({ name, state }) => name.startsWith("postgres.") && state !== "ok")).toEqual([]);
  });

  test("a process without the mapping runs no statement, and names what differs", async () => {
    const { ROLLCALL_CONFIG: _, ...without } = system.environment;
    const lost = runProcess("apps/worker/dist/main.js", { ...without, WORKER_PORT: "0" });
    await waitFor("the difference in the log", async () =>
      /differs from the one that migrate recorded, in users\.table|users\.key/.test(lost.output())
        ? true
        : undefined,
    );
    expect(lost.output()).not.toContain("public.mentorados");
    await lost.stop();
    expect(await rollcall("status")).toMatchObject({ code: 0 });
    const doctor = runProcess("apps/cli/dist/main.js", without, ["doctor", "--json"]);
    await doctor.exited;
    expect(doctorAnswer.parse(JSON.parse(doctor.output())).findings).toContainEqual(
      expect.objectContaining({
        name: "postgres.tables",
        state: "wrong",
        says: expect.stringContaining("users.key"),
      }),
    );
    const command = runProcess("apps/cli/dist/main.js", without, ["users"]);
    expect(await command.exited).toBe(1);
    expect(command.output()).toContain("differs from the one that migrate recorded");
  });
});
