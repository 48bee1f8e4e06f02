import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { type AlertReceiver, startAlertReceiver } from "../harness/alert-receiver.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, readDeadLetters, readRows, untilProfile, withQueue } from "../harness/calls.ts";
import { migrateProgram } from "../harness/migrate.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

// DESIGN section 1: work resumes within 10 s. Five times the slack for a busy machine.
const resumesWithinMs = 50_000;

describeOnBackends((backend) => {
  let system: System;
  let alerts: AlertReceiver;
  beforeAll(async () => {
    alerts = await startAlertReceiver();
    system = await startSystem({
      backend,
      environment: { ALERT_WEBHOOK_URL: alerts.url, RECONCILE_CATCHUP_EVERY_MS: "3600000" },
    });
  });
  afterAll(async () => {
    await system?.stop();
    await alerts?.close();
  });

  async function run(program: string, ...args: string[]) {
    const command = runProcess(program, system.environment, args);
    return { code: await command.exited, output: command.output() };
  }
  const migrate = () => run(migrateProgram);
  const cli = (...args: string[]) => run("apps/cli/dist/main.js", ...args);

  async function readReadiness(url: string) {
    const answer = await fetch(`${url}/readyz`);
    return { status: answer.status, body: (await answer.json()) as { degraded: string[] } };
  }

  async function untilSchemaIs(isNamed: boolean): Promise<void> {
    await waitFor(`readyz to name the schema: ${isNamed}`, async () => {
      const [api, worker] = await Promise.all([system.apiUrl, system.workerUrl].map(readReadiness));
      expect([api?.status, worker?.status]).toEqual([200, 200]);
      const named = [api, worker].map((one) => one?.body.degraded.includes("schema"));
      return named.every((one) => one === isNamed) ? true : undefined;
    });
  }

  /** The attempts that the jobs in both queues have made. */
  const readAttempts = async (): Promise<number[]> => {
    const read = (name: "ensure" | "sync") =>
      withQueue(system, name, async (queue) =>
        (await queue.getJobs(["waiting", "active", "delayed", "failed"])).map((job) => job.attemptsMade),
      );
    return [...(await read("ensure")), ...(await read("sync"))];
  };

  test("a renamed column is named everywhere, stops the work without losing it, and is given back by a person", async () => {
    const known = await system.clerk.users.create();
    await untilProfile(system, known.id);
    await system.db.query("alter table users rename image_url to avatar_url");

    // No user signed in yet, so the session cache of Redis is empty.
    expect(await ensure(system, known.id)).toMatchObject({
      status: 503,
      body: { error: { code: "schema.changed" } },
    });
    const person = await system.clerk.users.create();
    const refused = await ensure(system, person.id, { headers: { "accept-language": "en" } });
    expect(refused).toMatchObject({
      status: 503,
      body: { error: { code: "schema.changed", message: expect.stringContaining("database was changed") } },
    });
    expect(refused.headers.get("retry-after")).toBe("1");

    await untilSchemaIs(true);
    const says = "public.users.image_url is missing, because it was renamed to avatar_url";
    const status = (await callAdmin(system, "/api/admin/status")).body as Record<string, string[]>;
    expect(status["schemaProblems"]).toEqual([says]);
    expect(status["problems"]?.join("\n")).toContain(says);
    expect((await cli("status")).output).toContain(says);
    const doctor = await cli("doctor");
    expect(doctor.code).toBe(1);
    expect(doctor.output).toMatch(/WRONG +postgres\.tables/);
    expect(doctor.output).toContain(says);
    expect(doctor.output).toContain("alter table public.users rename column avatar_url to image_url;");
    await waitFor("the alert", async () => alerts.storyOf("schema_changed")[0]);
    expect(alerts.notifications.find(({ alert }) => alert === "schema_changed")?.text).toContain(
      "public.users.image_url",
    );
    const metrics = await (await fetch(`${system.apiUrl}/metrics`)).text();
    expect(metrics).toContain(`rollcall_schema_problems{object="public.users.image_url"} 1`);

    const left = await migrate();
    expect(left.code).toBe(1);
    expect(left.output).toContain(says);
    expect(left.output).toContain("    alter table public.users rename column avatar_url to image_url;");
    expect(left.output).not.toContain("Restored");

    expect(new Set(await readAttempts())).toEqual(new Set([0]));
    await system.db.query("alter table public.users rename column avatar_url to image_url");
    await untilProfile(system, person.id, resumesWithinMs);
    expect(await readDeadLetters(system)).toEqual([]);
    expect(await migrate()).toEqual({ code: 0, output: "Nothing to apply\n" });
    await untilSchemaIs(false);
    expect((await ensure(system, person.id)).status).toBe(200);
    await waitFor("the alert's end", async () => alerts.storyOf("schema_changed")[1]);
  });

  test("dropped columns and keys: migrate restores them, work resumes, and a full sync fills them again", async () => {
    const [known, deleted] = [await system.clerk.users.create(), await system.clerk.users.create()];
    await untilProfile(system, known.id);
    await untilProfile(system, deleted.id);
    await system.clerk.users.delete(deleted.id);
    await waitFor(
      "the tombstone",
      async () => (await readRows(system, deleted.id)).users[0]?.["deleted_at"] ?? undefined,
    );
    const before = (await readRows(system, known.id)).users[0];

    await system.db.query(`
      alter table users drop column clerk_created_at, drop column deleted_at, drop column email_verified,
        drop column banned, drop column read_ticket, drop column clerk_updated_at;
      alter table mentorados drop constraint mentorados_user_id_unique, drop column linked_at`);
    const person = await system.clerk.users.create();
    expect(await ensure(system, person.id)).toMatchObject({
      status: 503,
      body: { error: { code: "schema.changed" } },
    });
    await untilSchemaIs(true);
    const restored = await migrate();
    expect(restored.code).toBe(0);
    for (const object of [
      "users.deleted_at",
      "users.read_ticket",
      "users_claimant_email",
      "user_id has no unique key",
    ])
      expect(restored.output).toContain(object);
    await untilProfile(system, person.id, resumesWithinMs);
    expect((await readRows(system, deleted.id)).users[0]?.["deleted_at"]).not.toBeNull();
    await waitFor(
      "the full sync that migrate requested",
      async () => {
        const row = (await readRows(system, known.id)).users[0];
        return row?.["clerk_updated_at"] ? true : undefined;
      },
      resumesWithinMs,
    );
    const { read_ticket: _, updated_at: __, ...after } = (await readRows(system, known.id)).users[0] ?? {};
    const { read_ticket: ___, updated_at: ____, ...original } = before ?? {};
    expect(after).toEqual(original);
    expect(await readDeadLetters(system)).toEqual([]);
    expect(await migrate()).toEqual({ code: 0, output: "Nothing to apply\n" });
    await untilSchemaIs(false);
  });
});

test("rollcall schema needs no environment, and takes one format", async () => {
  const print = async (...args: string[]) => {
    const command = runProcess("apps/cli/dist/main.js", {}, ["schema", ...args]);
    return { code: await command.exited, output: command.output() };
  };
  expect(await print("--drizzle")).toMatchObject({ code: 0, output: expect.stringContaining("pgTable(") });
  expect(await print("--prisma")).toMatchObject({ code: 0, output: expect.stringContaining("model User {") });
  expect(await print("--sql")).toMatchObject({
    code: 0,
    output: expect.stringContaining("create table public.users"),
  });
  expect((await print("--sql")).output).toContain(
    "\n  clerk_id text not null constraint users_clerk_id_unique unique,\n",
  );
  expect(JSON.parse((await print("--sql", "--json")).output)).toMatchObject({ format: "sql" });
  for (const args of [[], ["--sql", "--prisma"], ["--mysql"]])
    expect(await print(...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining("Usage: rollcall schema"),
    });
});

test("rollcall roles prints ops/roles.sql, line by line", async () => {
  const command = runProcess("apps/cli/dist/main.js", {}, ["roles"]);
  expect(await command.exited).toBe(0);
  expect(command.output()).toBe(await readFile(new URL("../../ops/roles.sql", import.meta.url), "utf8"));
});
