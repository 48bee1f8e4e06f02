import { expect, test } from "vitest";
import { z } from "zod";
import { callAdmin, listAll } from "../../harness/admin.ts";
import type { Backend } from "../../harness/backends.ts";
import { ensure } from "../../harness/calls.ts";
import { migrate } from "../../harness/migrate.ts";
import { waitFor } from "../../harness/wait-for.ts";
import type { MappedApp } from "./mapped-app.ts";
import { tellOfProfiles } from "./profile-story.ts";
import { declareStage, type Stage } from "./stage.ts";

/**
 * Declares what holds on the tables of every app, in one system.
 *
 * @param tellMore declares what holds on this app's tables alone
 */
export function tellStory(
  backend: Backend,
  app: MappedApp,
  tellMore: (stage: Stage) => void = () => undefined,
): void {
  const stage = declareStage(backend, app);
  tellOfUsers(stage);
  if (app.profile) tellOfProfiles(stage, app.profile);
  tellMore(stage);
  tellOfOperators(stage);
  // The last ones stop the system, and spend what the guard allows in a day.
  tellOfGuard(stage);
  tellOfMigrations(stage);
}

function tellOfUsers(stage: Stage): void {
  const { users, added } = stage.app;

  test("the first full sync writes Clerk's values into the app's rows, and keeps the tiers and what refers to them", async () => {
    for (const clerkId of stage.veterans) {
      const atClerk = await stage.system.clerk.users.get(clerkId);
      expect(await stage.findUser(clerkId)).toEqual({
        clerkId,
        id: expect.any(String),
        email: atClerk.email_addresses[0]?.email_address,
        emailVerified: true,
        tier: users.tiers.old,
        role: "user",
        banned: false,
        isDeleted: false,
      });
    }
    const { rows, foreignKeys } = await stage.readApp();
    expect(foreignKeys).toEqual(stage.before.foreignKeys);
    await stage.expectOwnRows(stage.before);
    const columns = Object.entries(await stage.readColumns()).map(([table, names]) => [
      table,
      names.filter((name) => !stage.before.columns[table]?.includes(name)).toSorted(),
    ]);
    const wanted = Object.keys(rows).map((table) => [table, (added[table] ?? []).toSorted()]);
    expect(columns).toEqual(wanted);
  });

  test("a webhook makes and updates the row, and its deletion leaves a tombstone", async () => {
    const { clerk } = stage.system;
    const { id } = await clerk.users.create({ email: "carla@example.com" });
    expect(await stage.untilUser(id)).toMatchObject({ email: "carla@example.com", tier: users.tiers.fresh });
    await clerk.users.ban(id);
    await stage.untilUser(id, ({ banned }) => banned);
    expect((await ensure(stage.system, id)).status).toBe(403);
    await clerk.users.unban(id);
    await stage.untilUser(id, ({ banned }) => !banned);
    await clerk.users.delete(id);
    expect(await stage.untilUser(id, ({ isDeleted }) => isDeleted)).toMatchObject({
      email: null,
      emailVerified: false,
      tier: users.tiers.fresh,
    });
    expect((await ensure(stage.system, id)).status).toBe(410);
  });

  test("a login makes a row whose webhook is lost", async () => {
    const { id: clerkId } = await stage.system.clerk.users.create(
      { email: "dora@example.com" },
      { silent: true },
    );
    const first = await ensure(stage.system, clerkId);
    const row = await stage.findUser(clerkId);
    const user = {
      id: users.key(row?.id ?? ""),
      clerkId,
      email: "dora@example.com",
      tier: users.tiers.fresh,
      role: "user",
    };
    expect(first).toMatchObject({ status: 200, body: { success: true, created: true, user } });
    expect(await ensure(stage.system, clerkId)).toMatchObject({
      status: 200,
      body: { success: true, created: false, user },
    });
    expect(row).toMatchObject({ email: "dora@example.com", emailVerified: true });
  });

  test("an incremental sync writes changes whose webhooks are lost", async () => {
    const { clerk } = stage.system;
    const { id } = await clerk.users.create();
    await stage.untilUser(id);
    await clerk.users.update(id, { publicMetadata: { role: "admin" } }, { silent: true });
    const lost = await clerk.users.create({ email: "eva@example.com" }, { silent: true });
    expect(await stage.rollcall("reconcile", "--catch-up")).toMatchObject({ code: 0 });
    expect(await stage.findUser(id)).toMatchObject({ role: "admin" });
    expect(await stage.findUser(lost.id)).toMatchObject({ email: "eva@example.com" });
  });

  test("a dry run counts what a full sync then does to lost changes, and changes no row", async () => {
    const { clerk, db } = stage.system;
    const gone = await clerk.users.create();
    await stage.untilUser(gone.id);
    await db.query(users.refer, [gone.id]);
    await clerk.users.delete(gone.id, { silent: true });
    const created = await clerk.users.create({}, { silent: true });
    const [veteran = ""] = stage.veterans;
    await clerk.users.update(veteran, { email: "changed@example.com" }, { silent: true });

    const before = await stage.readApp();
    const counts = { created: 1, linked: 0, updated: 1, deleted: 1, held: 0, failed: 0 };
    const dry = await stage.rollcallJson("reconcile", "--dry-run");
    expect(dry).toMatchObject({ code: 0, answer: { counts } });
    expect(await stage.readApp()).toEqual(before);

    expect(await stage.rollcallJson("reconcile")).toMatchObject({ code: 0, answer: { counts } });
    expect(await stage.findUser(created.id)).toBeDefined();
    expect(await stage.findUser(veteran)).toMatchObject({ email: "changed@example.com" });
    expect(await stage.findUser(gone.id)).toMatchObject({ isDeleted: true, email: null });
    await stage.expectOwnRows(before);
  });

  test("explain shows the row and no difference, and a purge leaves the Clerk id alone", async () => {
    const { clerk } = stage.system;
    const { id: clerkId } = await clerk.users.create({ email: "fabia@example.com", firstName: "Fabia" });
    const { id } = await stage.untilUser(clerkId);
    await ensure(stage.system, clerkId);
    expect(await stage.rollcallJson("explain", clerkId)).toMatchObject({
      code: 0,
      answer: {
        why: stage.app.profile
          ? "In place: the user has a row and a profile."
          : "In place: the user has a row.",
        user: { id: users.key(id), email: "fabia@example.com" },
        conflicts: [],
        differences: [],
      },
    });
    await clerk.users.delete(clerkId);
    await stage.untilUser(clerkId, ({ isDeleted }) => isDeleted);
    expect(await stage.rollcall("purge", clerkId)).toMatchObject({ code: 0 });
    expect(await stage.findUser(clerkId)).toMatchObject({ clerkId, isDeleted: true });
    expect(JSON.stringify(await stage.readApp())).not.toMatch(/fabia/i);
  });
}

const doctorAnswer = z.object({ findings: z.array(z.object({ name: z.string(), state: z.string() })) });

function tellOfOperators(stage: Stage): void {
  const { users, schema, mapping } = stage.app;

  test("an operator lists each user once, by pages, finds them by email, and changes a tier", async () => {
    const items = await listAll<{ clerkId: string; id: unknown }>(stage.system, "/api/admin/users?limit=5");
    const found = Object.fromEntries(items.map(({ clerkId, id }) => [clerkId, id]));
    const { rows } = await stage.system.db.query<{ clerkId: string; id: string }>(users.rows);
    expect(found).toEqual(Object.fromEntries(rows.map(({ clerkId, id }) => [clerkId, users.key(id)])));
    expect(items).toHaveLength(rows.length);

    const [, clerkId = ""] = stage.veterans;
    const { email_addresses } = await stage.system.clerk.users.get(clerkId);
    const query = email_addresses[0]?.email_address;
    expect(await listAll(stage.system, `/api/admin/users?query=${query}`)).toMatchObject([{ clerkId }]);
    const path = `/api/admin/users/${clerkId}`;
    const changed = await callAdmin(stage.system, path, { method: "PATCH", body: { tier: "PRO" } });
    expect(changed.status).toBe(200);
    expect(await stage.findUser(clerkId)).toMatchObject({ tier: "PRO" });
  });

  test("status, doctor and schema know the app's tables", async () => {
    // It asks with short deadlines, and says "unknown" on a busy machine.
    const status = await waitFor("status to know the schema and the users", async () => {
      const { code, output } = await stage.rollcall("status");
      expect(code).toBe(0);
      return /(Schema|Without profile) +unknown/.test(output) ? undefined : output;
    });
    expect(status).toMatch(/Schema +whole/);
    expect(status).toMatch(/Without profile +0/);
    expect(/Mapping +\S+rollcall\.config\.json/.test(status)).toBe(mapping !== undefined);
    const { answer } = await stage.rollcallJson("doctor");
    const { findings } = doctorAnswer.parse(answer);
    expect(findings.filter(({ name }) => name.startsWith("postgres.")).length).toBeGreaterThan(5);
    expect(findings.filter(({ name, state }) => name.startsWith("postgres.") && state !== "ok")).toEqual([]);
    const printed = await stage.rollcall("schema", schema.format);
    expect(printed.code).toBe(0);
    expect(printed.output.split("\n")).toContain(schema.line);
  });
}

function tellOfGuard(stage: Stage): void {
  test("more lost deletions than the guard allows are held until an operator confirms them", async () => {
    const { clerk } = stage.system;
    const lost = await Promise.all(Array.from({ length: 6 }, () => clerk.users.create()));
    for (const { id } of lost) {
      await stage.untilUser(id);
      await clerk.users.delete(id, { silent: true });
    }
    const { code, answer } = await stage.rollcallJson("reconcile");
    expect({ code, answer }).toMatchObject({ code: 3, answer: { counts: { deleted: 0, held: 6 } } });
    for (const { id } of lost) expect(await stage.findUser(id)).toMatchObject({ isDeleted: false });
    const { id: runId } = z.object({ id: z.number() }).parse(answer);
    expect(await stage.rollcall("reconcile", "--confirm-deletions", String(runId))).toMatchObject({
      code: 0,
    });
    for (const { id } of lost)
      expect(await stage.findUser(id)).toMatchObject({ isDeleted: true, email: null });
  });
}

function tellOfMigrations(stage: Stage): void {
  test("migrations go down to nothing and up again, and the app keeps each row and foreign key", async () => {
    const { system } = stage;
    await Promise.all([system.api.stop(), system.worker.stop()]);
    const before = await stage.readApp();
    while (!(await migrate(system.migrationEnvironment, ["--down"])).includes("There is no migration"));
    const { rows } = await system.db.query("select from pg_tables where schemaname = 'rollcall'");
    expect(rows.length).toBe(1);
    expect(await stage.readApp()).toEqual(before);

    expect(await migrate(system.migrationEnvironment)).toContain("Applied 0001_");
    expect(await stage.readApp()).toEqual(before);
    const { answer } = await stage.rollcallJson("reconcile");
    expect(answer).toMatchObject({
      state: "succeeded",
      counts: { created: 0, linked: 0, updated: 0, deleted: 0, failed: 0 },
    });
    expect(await stage.readApp()).toEqual(before);
  });
}
