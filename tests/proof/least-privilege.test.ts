import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AlertView, DeadLetterView } from "@rollcall/contracts";
import { startTemporaryPostgres } from "@rollcall/local-services";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, postWebhook, readRows, untilProfile, withQueue } from "../harness/calls.ts";
import { openStream } from "../harness/event-stream.ts";
import { migrate } from "../harness/migrate.ts";
import { runProcess } from "../harness/process.ts";
import { applyRoles, applyRolesOneByOne, type RoleUrls } from "../harness/roles.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const insufficientPrivilege = "42501";

describeOnBackends((backend) => {
  let system: System;
  let roles: RoleUrls;
  beforeAll(async () => {
    system = await startSystem({
      backend,
      underRoles: true,
      environment: { RECONCILE_CATCHUP_EVERY_MS: "2000" },
      // Each line of the log has the SQLSTATE of an error and the application that got it.
      postgresSettings: { log_line_prefix: "%e %a " },
    });
    // The app has a table that refers to profiles. Rollcall has to see which profiles are in use.
    await system.db.query(
      "create table app_notes (id serial, body text, mentorado_id int references mentorados (id))",
    );
    roles = await applyRoles(system.postgres.url);
  });
  afterAll(() => system?.stop());

  const post = (path: string, body?: unknown) =>
    callAdmin(system, `/api/admin/${path}`, { method: "POST", body });

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, args);
    return { code: await command.exited, output: command.output() };
  }

  async function signUp(email = `${randomUUID()}@example.com`): Promise<string> {
    const { id } = await system.clerk.users.create({ email });
    await untilProfile(system, id);
    return id;
  }

  function untilRun(runId: number): Promise<string> {
    return waitFor("the end of the run", async () => {
      const { rows } = await system.db.query("select state from rollcall.runs where id = $1", [runId]);
      return ["waiting", "running"].includes(rows[0]?.state) ? undefined : rows[0]?.state;
    });
  }

  async function reconcile(wish: { mode?: string; dryRun?: boolean }): Promise<string> {
    const { status, body } = await post("reconcile", wish);
    expect(status).toBe(202);
    // The cast is not checked: a missing property fails the test.
    return untilRun((body as { runId: number }).runId);
  }

  /** Makes a conflict: a new user's email matches two unclaimed profiles. */
  async function makeConflict() {
    const email = `${randomUUID()}@example.com`;
    const waiting = await system.db.query(
      "insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1) returning id",
      [email],
    );
    const clerkId = await signUp(email);
    const { body } = await callAdmin(system, "/api/admin/conflicts");
    const { items } = body as { items: { id: number; clerkId: string }[] };
    const conflict = items.find((open) => open.clerkId === clerkId);
    return { clerkId, conflictId: conflict?.id, mentoradoId: Number(waiting.rows[0].id) };
  }

  /** Adds a sync job with one attempt, so that its first failure makes it a dead letter. */
  async function addSyncJobTriedOnce(clerkId: string): Promise<void> {
    const syncJob = { v: 1, kind: "refresh", clerkId, cause: "admin", eventAtMs: Date.now() };
    await withQueue(system, "sync", (queue) => queue.add("refresh", syncJob, { attempts: 1 }));
  }

  test("users are created by webhook and by login, updated, and deleted", async () => {
    const clerkId = await signUp();
    expect((await ensure(system, clerkId)).status).toBe(200);
    const silent = await system.clerk.users.create({}, { silent: true });
    await waitFor("the login to make a profile", async () => {
      const { status } = await ensure(system, silent.id);
      return status === 200 ? true : undefined;
    });
    await system.clerk.users.update(clerkId, { firstName: "Renamed" });
    await waitFor("the new name", async () =>
      String((await readRows(system, clerkId)).users[0]?.["name"]).startsWith("Renamed") ? true : undefined,
    );
    await system.clerk.users.delete(clerkId);
    await waitFor("the tombstone", async () =>
      (await readRows(system, clerkId)).users[0]?.["deleted_at"] ? true : undefined,
    );
    expect((await ensure(system, clerkId)).status).toBe(410);
    expect(await rollcall("purge", clerkId, "--json")).toMatchObject({ code: 0 });
  });

  test("a user without a webhook is found by catch-up, full sync and dry run", async () => {
    const { id } = await system.clerk.users.create({}, { silent: true });
    await untilProfile(system, id);
    await system.clerk.users.create({}, { silent: true });
    expect(await reconcile({ dryRun: true })).toBe("succeeded");
    expect(await reconcile({ mode: "full" })).toBe("succeeded");
    expect((await rollcall("reconcile", "--dry-run", "--json")).code).toBe(0);
    expect((await rollcall("reconcile", "--json")).code).toBe(0);
  });

  test("operators list and export users, change them in bulk, and purge a deleted one", async () => {
    const clerkId = await signUp();
    const get = (path: string) => callAdmin(system, `/api/admin/${path}`);
    for (const path of [
      "columns",
      "users?tier=FREE&turma=neon",
      "users?drifted=true",
      "users/export",
      "schedules",
    ])
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    for (const action of [{ tier: "SILVER" }, { refresh: true }]) {
      const { status, body } = await post("users/bulk", { clerkIds: [clerkId], action });
      expect(status).toBe(202);
      const { jobId } = body as { jobId: number };
      await waitFor("the end of the bulk change", async () => {
        const change = (await get(`bulk/${jobId}`)).body as { state: string };
        return change.state === "done" || undefined;
      });
    }
    const { body } = await post("users/bulk", { filter: {}, action: { refresh: true } });
    const cancelled = await post(`bulk/${(body as { jobId: number }).jobId}/cancel`);
    expect([200, 409]).toContain(cancelled.status);
    expect((await readRows(system, clerkId)).users).toMatchObject([{ tier: "SILVER" }]);
    await system.clerk.users.delete(clerkId, { silent: true });
    for (const preview of [true, false])
      expect(await post(`users/${clerkId}/purge`, { preview })).toMatchObject({
        status: 200,
        body: { purged: !preview },
      });
    expect((await readRows(system, clerkId)).users).toMatchObject([{ email: null, name: null }]);
  });

  test("operators read users, change a tier, resolve conflicts, replay and discard", async () => {
    const clerkId = await signUp();
    expect((await callAdmin(system, `/api/admin/users/${clerkId}`)).status).toBe(200);
    const changed = await callAdmin(system, `/api/admin/users/${clerkId}`, {
      method: "PATCH",
      body: { tier: "GOLD" },
    });
    expect(changed.status).toBe(200);
    expect((await post(`users/${clerkId}/sync`)).status).toBe(202);

    const untouched = await makeConflict();
    const resolved = await post(`conflicts/${untouched.conflictId}/resolve`, {
      mentoradoId: untouched.mentoradoId,
    });
    expect(resolved.status).toBe(204);
    const used = await makeConflict();
    await system.db.query(
      "update mentorados set meta_leads = 51 from users u where user_id = u.id and u.clerk_id = $1",
      [used.clerkId],
    );
    const choice = { mentoradoId: used.mentoradoId, discardProfile: true };
    expect((await post(`conflicts/${used.conflictId}/resolve`, choice)).status).toBe(204);
    const dismissed = await makeConflict();
    expect((await post(`conflicts/${dismissed.conflictId}/resolve`, { dismiss: true })).status).toBe(204);

    await system.db.query("alter table users add constraint no_poison check (email not like 'poison%')");
    const poisoned = await system.clerk.users.create({ email: "poison@example.com" }, { silent: true });
    await addSyncJobTriedOnce(poisoned.id);
    const letter = await waitFor(
      "the dead letter",
      async () => {
        const { body } = await callAdmin(system, "/api/admin/dead-letters");
        return (body as { items: DeadLetterView[] }).items.find((found) => found.clerkId === poisoned.id);
      },
      120_000,
    );
    await system.db.query("alter table users drop constraint no_poison");
    expect(await post("dead-letters/replay", { ids: [letter.id] })).toMatchObject({ body: { replayed: 1 } });
    await untilProfile(system, poisoned.id);
    await postWebhook(system, JSON.stringify({ type: "user.updated", nonce: randomUUID(), data: {} }));
    const { body } = await callAdmin(system, "/api/admin/dead-letters?code=webhook.unreadable");
    const [unreadable] = (body as { items: DeadLetterView[] }).items;
    const discarded = await post("dead-letters/discard", { ids: [unreadable?.id], reason: "a test" });
    expect(discarded.status).toBe(200);
  });

  test("operators read the console's pages, live too, and the worker counts over time", async () => {
    const clerkId = await signUp();
    const stream = await openStream(system);
    await waitFor("the stream to open", async () => stream.received.find(({ name }) => name === "opened"));
    stream.close();
    for (const path of [
      ...["overview", "growth", "growth/hours", "audit", "alerts/history", "alerts/delivery"],
      `activity?clerkId=${clerkId}`,
    ])
      expect({ path, status: (await callAdmin(system, `/api/admin/${path}`)).status }).toEqual({
        path,
        status: 200,
      });
    await waitFor(
      "the worker to count",
      async () => {
        const { rows } = await system.db.query(
          "select from rollcall.activity_counts where kind = 'sign_ups' limit 1",
        );
        return rows.length > 0 ? true : undefined;
      },
      60_000,
    );
  });

  test("held deletions are carried out when an operator confirms them", async () => {
    const gone = await Promise.all(Array.from({ length: 7 }, () => signUp()));
    await Promise.all(gone.map((id) => system.clerk.users.delete(id, { silent: true })));
    const { body } = await post("reconcile", { mode: "full" });
    const { runId } = body as { runId: number };
    expect(await untilRun(runId)).toBe("held");
    expect((await post(`runs/${runId}/confirm-deletions`)).status).toBe(202);
    await waitFor("the tombstones", async () => {
      const { rows } = await system.db.query(
        "select from users where clerk_id = any ($1) and deleted_at is not null",
        [gone],
      );
      return rows.length === gone.length ? true : undefined;
    });
  });

  test("the commands work under the worker's role, and the doctor finds no missing privilege", async () => {
    for (const command of [["status"], ["users"], ["dead-letters"]]) {
      const { code, output } = await rollcall(...command, "--json");
      expect({ command, code, parses: typeof JSON.parse(output) }).toEqual({
        command,
        code: 0,
        parses: "object",
      });
    }
    const { findings } = JSON.parse((await rollcall("doctor", "--json")).output) as {
      findings: { name: string; state: string; says: string }[];
    };
    const postgres = findings.filter(({ name }) => name.startsWith("postgres."));
    expect(postgres.filter(({ state }) => state !== "ok")).toEqual([]);
    expect(postgres.map(({ name }) => name)).toContain("postgres.grants");
  });

  test("alerts are evaluated by the api alone, and by a worker alone", async () => {
    await system.worker.stop();
    await untilEvaluated();
    await system.api.stop();
    system.worker = system.startWorker();
    await untilEvaluated();
    system.api = system.startApi();
    await system.untilReady();
    const { body } = await callAdmin(system, "/api/admin/alerts");
    expect((body as { items: AlertView[] }).items.length).toBeGreaterThan(0);
  });

  function untilEvaluated(): Promise<true> {
    const stoppedAt = new Date();
    return waitFor(
      "alerts to be evaluated",
      async () => {
        const { rows } = await system.db.query("select max(evaluated_at) as at from rollcall.alerts");
        return rows[0]?.at > stoppedAt ? true : undefined;
      },
      120_000,
    );
  }

  test("no statement of the tests above was refused", async () => {
    // A planted refusal shows that the log would name one.
    const planted = "drop table public.users";
    expect(await tryAs(roles.api, [planted])).toEqual(refusals([planted]));
    const log = await readFile(system.postgres.logFile, "utf8");
    expect(log).toContain(`${insufficientPrivilege} ${attempt} ERROR`);
    const refused = log
      .split("\n")
      .filter((line) => line.startsWith(`${insufficientPrivilege} `) && !line.includes(attempt));
    expect(refused).toEqual([]);
    for (const output of [system.api.output(), system.worker.output()])
      expect(output).not.toContain("permission denied");
  });

  const attempt = "least-privilege-attempt";

  /** Runs each statement under a role. @returns the SQLSTATE of each refusal, or `done` */
  async function tryAs(databaseUrl: string, statements: readonly string[]): Promise<Record<string, string>> {
    const client = new pg.Client({ connectionString: databaseUrl, application_name: attempt });
    await client.connect();
    try {
      const answers: [string, string][] = [];
      for (const statement of statements) {
        const code = await client.query(`begin; ${statement}; rollback`).then(
          () => "done",
          (error: pg.DatabaseError) => error.code ?? "unknown",
        );
        await client.query("rollback");
        answers.push([statement, code]);
      }
      return Object.fromEntries(answers);
    } finally {
      await client.end();
    }
  }

  const refusals = (statements: readonly string[]) =>
    Object.fromEntries(statements.map((statement) => [statement, insufficientPrivilege]));

  test.each(["api", "worker"] as const)(
    "the %s can neither create, alter, drop nor truncate a table",
    async (role) => {
      const { rows } = await system.db.query<{ name: string }>(
        `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname in ('rollcall', 'bullmq') or (schemaname, tablename) in (('public', 'users'), ('public', 'mentorados'))`,
      );
      expect(rows.length).toBeGreaterThan(15);
      const statements = [
        ...["public", "rollcall", "bullmq"].flatMap((schema) => [
          `create table ${schema}.made (id int)`,
          `create function ${schema}.made() returns int language sql as 'select 1'`,
        ]),
        "create schema made",
        "drop schema rollcall cascade",
        ...rows.flatMap(({ name }) => [
          `alter table ${name} add column made int`,
          `drop table ${name} cascade`,
          `truncate ${name} cascade`,
          `create index on ${name} ((1))`,
        ]),
        "delete from public.users",
        "insert into rollcall.migrations (id) values ('9999')",
        "set role rollcall_migrator",
      ];
      expect(await tryAs(roles[role], statements)).toEqual(refusals(statements));
    },
  );

  test("the worker alone makes temporary tables, which could stand before tables of the same name", async () => {
    const statement = "create temp table made (id int)";
    expect(await tryAs(roles.api, [statement])).toEqual(refusals([statement]));
    expect(await tryAs(roles.worker, [statement])).toEqual({ [statement]: "done" });
    await system.db.query("create role app_reader login password 'reads'");
    const url = new URL(system.postgres.url);
    [url.username, url.password] = ["app_reader", "reads"];
    expect(await tryAs(url.href, [statement])).toEqual(refusals([statement]));
  });

  test("the api cannot rewrite users, names of profiles or timelines", async () => {
    const statements = [
      "insert into public.users (clerk_id) values ('user_made')",
      "update public.users set email = 'x'",
      "update public.users set role = 'admin'",
      "update public.users set deleted_at = null",
      "update public.mentorados set nome_completo = 'x'",
      "insert into public.mentorados (nome_completo) values ('x')",
      "delete from rollcall.events",
      "update rollcall.events set kind = 'x'",
      "update rollcall.activity_counts set value = 0",
      "update rollcall.activity_progress set counted_to = 0",
      "delete from rollcall.held_deletions",
      "update rollcall.catch_up set watermark_ms = 0",
      "insert into rollcall.deletion_candidates (run_id, clerk_id) values (1, 'x')",
      "select nextval('rollcall.read_sequence')",
    ];
    expect(await tryAs(roles.api, statements)).toEqual(refusals(statements));
  });

  test.each(["api", "worker"] as const)(
    "of an app's own table the %s can read only the column that refers to profiles",
    async (role) => {
      const refused = [
        "select body from app_notes",
        "select * from app_notes",
        "insert into app_notes default values",
        "update app_notes set mentorado_id = null",
        "delete from app_notes",
      ];
      const used = "select mentorado_id from app_notes";
      expect(await tryAs(roles[role], [...refused, used])).toEqual({ ...refusals(refused), [used]: "done" });
    },
  );

  test.each(["rollcall", "bullmq"])(
    "tables of a later migration in %s are usable before an operator runs ops/roles.sql again",
    async (schema) => {
      const migrator = new pg.Client({ connectionString: roles.migrator });
      await migrator.connect();
      try {
        await migrator.query(
          `create table ${schema}.later (id bigint generated always as identity, seq serial)`,
        );
        const uses = [
          `insert into ${schema}.later default values`,
          `update ${schema}.later set seq = 2`,
          `delete from ${schema}.later`,
          `select from ${schema}.later`,
        ];
        const used = Object.fromEntries(uses.map((statement) => [statement, "done"]));
        for (const role of ["api", "worker"] as const) expect(await tryAs(roles[role], uses)).toEqual(used);
      } finally {
        await migrator.query(`drop table if exists ${schema}.later`);
        await migrator.end();
      }
    },
  );
});

test("a role that is no superuser can set up Rollcall over existing tables of the app, and the app can still change them", async () => {
  const postgres = await startTemporaryPostgres();
  const ownerUrl = await createOwner(postgres.url);
  const owner = new pg.Client({ connectionString: ownerUrl });
  try {
    await owner.connect();
    await owner.query(
      `create table users (id serial primary key, clerk_id text not null unique, phone text);
       create table mentorados (id serial primary key, nome_completo text not null)`,
    );
    const { migrator, worker } = await applyRoles(ownerUrl);
    await migrate({ DATABASE_URL: migrator });
    for (const _ of [1, 2]) await applyRoles(ownerUrl);
    await owner.query("alter table users add column nickname text; create index on users (phone)");
    const client = new pg.Client({ connectionString: worker });
    await client.connect();
    await client.query("insert into users (clerk_id) values ('user_1')");
    await client.end();
    // After each migration that is reverted, ops/roles.sql still works.
    for (let down = ""; !down.includes("0001_"); await applyRoles(ownerUrl)) {
      down = await migrate({ DATABASE_URL: migrator }, ["--down"]);
      expect(down).toContain("Reverted");
    }
  } finally {
    await owner.end();
    await postgres.stop();
  }
});

test.each([
  ["", applyRoles],
  [", also without a transaction", applyRolesOneByOne],
])("ops/roles.sql runs no function that another role left in the database%s", async (_, apply) => {
  const postgres = await startTemporaryPostgres();
  const admin = new pg.Client({ connectionString: postgres.url });
  try {
    await admin.connect();
    // Each function fits a call in ops/roles.sql better than Postgres' own function, and would be preferred to it.
    await admin.query(`
      create table run_as (who text);
      grant insert on run_as to public;
      create function format(text, name) returns text language sql as
        'insert into public.run_as values (current_user); select pg_catalog.format($1, $2)';
      create function format(text, text) returns text language sql as
        'insert into public.run_as values (current_user); select pg_catalog.format($1, $2)'`);
    await apply(postgres.url);
    expect((await admin.query("select who from run_as")).rows).toEqual([]);
  } finally {
    await admin.end();
    await postgres.stop();
  }
});

/** Creates a role like the first one of a managed database: it owns the database and may create roles. */
async function createOwner(adminUrl: string): Promise<string> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query("create role owner login createrole password 'owner'");
  await admin.query("create database app owner owner");
  await admin.end();
  const url = new URL(adminUrl);
  [url.username, url.password, url.pathname] = ["owner", "owner", "/app"];
  return url.href;
}
