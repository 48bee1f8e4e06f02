import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, ensureAgain, postWebhook, readRows } from "../harness/calls.ts";
import { migrate } from "../harness/migrate.ts";
import { type Pooler, type PoolerOptions, refusal, startPooler } from "../harness/pooler.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

type Finding = { name: string; state: string; says: string };

async function readFindings(environment: Record<string, string>): Promise<Finding[]> {
  const command = runProcess("apps/cli/dist/main.js", environment, ["doctor", "--json"]);
  await command.exited;
  return (JSON.parse(command.output()) as { findings: Finding[] }).findings;
}

/** Starts api and worker again, with other variables; an empty value unsets. */
async function restart(
  system: System,
  variables: Record<string, string>,
  ofApi: Record<string, string> = {},
): Promise<void> {
  await Promise.all([system.api.stop(), system.worker.stop()]);
  Object.assign(system.environment, variables);
  system.api = runProcess("apps/api/dist/main.js", { ...system.environment, ...ofApi });
  system.worker = system.startWorker();
  await system.untilReady();
}

/** First logins of new users, all at once and without a retry. */
async function logIn(system: System, count: number): Promise<string[]> {
  const people = await Promise.all(
    Array.from({ length: count }, () => system.clerk.users.create({}, { silent: true })),
  );
  const answers = await Promise.all(people.map(({ id }) => ensure(system, id)));
  return answers.map(({ status, body }) => (status === 200 ? "200" : `${status} ${JSON.stringify(body)}`));
}

describeOnBackends((backend) => {
  let system: System;
  const poolers: Pooler[] = [];
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(async () => {
    await system?.stop();
    await Promise.all(poolers.map((pooler) => pooler.close()));
  });

  async function openPooler(options: PoolerOptions): Promise<Pooler> {
    const pooler = await startPooler(system.postgres.port, options);
    poolers.push(pooler);
    return pooler;
  }

  describe("behind a session pooler that grants 15 connections", () => {
    const sixty = Array<string>(60).fill("200");
    // The machine may be busy: the statuses are the verdict, not the time.
    const longDeadline = { ENSURE_TIMEOUT_MS: "20000" };

    test("with DATABASE_MAX_CONNECTIONS, 60 first logins at once are all answered, and no connection is refused", async () => {
      const pooler = await openPooler({ most: 15 });
      const DATABASE_URL = pooler.pooled(system.postgres.url);
      await restart(system, { DATABASE_URL, DATABASE_MAX_CONNECTIONS: "7", ...longDeadline });
      expect(await logIn(system, 60)).toEqual(sixty);
      expect({ refusals: pooler.refusals(), peak: Math.min(14, pooler.peak()) }).toEqual({
        refusals: 0,
        peak: pooler.peak(),
      });
    });

    test("without it, an api that wants more waits for the connections that it got, and logs the server's message", async () => {
      const pooler = await openPooler({ most: 15 });
      const DATABASE_URL = pooler.pooled(system.postgres.url);
      const unset = { DATABASE_MAX_CONNECTIONS: "40" };
      await restart(system, { DATABASE_URL, DATABASE_MAX_CONNECTIONS: "7", ...longDeadline }, unset);
      expect(await logIn(system, 60)).toEqual(sixty);
      expect(pooler.refusals()).toBeGreaterThan(0);
      const line = system.api
        .output()
        .split("\n")
        .find((text) => text.includes("postgres_refused_connection"));
      expect(line).toContain(refusal);
    });

    test("doctor compares the variable with what the pooler grants", async () => {
      const pooler = await openPooler({ most: 15 });
      await Promise.all([system.api.stop(), system.worker.stop()]);
      const environment = { ...system.environment, DATABASE_URL: pooler.pooled(system.postgres.url) };
      const find = async (max: string) =>
        (await readFindings({ ...environment, DATABASE_MAX_CONNECTIONS: max })).find(
          ({ name }) => name === "postgres.connections",
        );
      expect(await find("")).toMatchObject({ state: "wrong", says: expect.stringContaining(refusal) });
      expect(await find("16")).toMatchObject({ state: "wrong", says: expect.stringContaining("15 of 32") });
      expect(await find("10")).toMatchObject({ state: "note" });
      expect(await find("7")).toMatchObject({ state: "ok" });
    });

    test("a variable that is too small for the program is refused by name at startup", async () => {
      const tooSmall = { ...system.environment, DATABASE_MAX_CONNECTIONS: "0" };
      const api = runProcess("apps/api/dist/main.js", tooSmall);
      expect(await api.exited).toBe(1);
      expect(api.output()).toContain("DATABASE_MAX_CONNECTIONS");
      if (backend === "redis") return;
      const worker = runProcess("apps/worker/dist/main.js", { ...tooSmall, DATABASE_MAX_CONNECTIONS: "4" });
      expect(await worker.exited).toBe(1);
      expect(worker.output()).toContain(
        "DATABASE_MAX_CONNECTIONS must be at least 5 for the worker with queues on Postgres",
      );
    });
  });

  describe("options in DATABASE_URL are joined to ours", () => {
    test("migrate makes the tables in their own schemas, also with another search path", async () => {
      await system.db.query("create database fresh");
      const url = new URL(system.postgres.url);
      url.pathname = "/fresh";
      const fresh = new pg.Client({ connectionString: url.href });
      await fresh.connect();
      onTestFinished(async () => {
        await fresh.end();
        await system.db.query("drop database fresh with (force)");
      });
      await fresh.query(
        "create schema app; create table app.users (id text); create table app.job (id text)",
      );
      url.search = `options=${encodeURIComponent("-csearch_path=app,public")}`;
      await migrate({ DATABASE_URL: url.href });
      const { rows } = await fresh.query(
        `select table_schema as schema, table_name as name from information_schema.tables
         where table_name in ('users', 'mentorados', 'job') order by 1, 2`,
      );
      expect(rows).toEqual([
        { schema: "app", name: "job" },
        { schema: "app", name: "users" },
        { schema: "bullmq", name: "job" },
        { schema: "public", name: "mentorados" },
        { schema: "public", name: "users" },
      ]);
    });

    test.each([
      ["a setting", "-c timezone=UTC"],
      ["Neon's endpoint", "endpoint=ep-x"],
      ["a search path with another table users in front", "-csearch_path=app,public"],
    ])("%s", async (_what, options) => {
      await system.db.query(
        "create schema if not exists app; create table if not exists app.users (id text); create table if not exists app.job (id text)",
      );
      onTestFinished(async () => {
        await system.db.query("drop schema app cascade");
      });
      const pooler = await openPooler({ takesEndpoint: true });
      const DATABASE_URL = `${pooler.pooled(system.postgres.url)}?options=${encodeURIComponent(options)}`;
      await restart(system, { DATABASE_URL, DATABASE_MAX_CONNECTIONS: "" });
      await migrate(system.environment);

      const [logged, sent] = await Promise.all([
        system.clerk.users.create({}, { silent: true }),
        system.clerk.users.create({}, { silent: true }),
      ]);
      expect((await ensureAgain(system, logged.id)).status).toBe(200);
      const delivery = JSON.stringify({ type: "user.created", data: { id: sent.id } });
      expect((await postWebhook(system, delivery)).status).toBe(200);
      await waitFor("the profile", async () =>
        (await readRows(system, sent.id)).mentorados.length === 1 ? true : undefined,
      );
      const findings = await readFindings(system.environment);
      expect(findings.filter(({ state }) => state === "wrong" || state === "unknown")).toEqual([]);

      const seen = pooler.options();
      const endpoint = options.startsWith("endpoint=");
      expect(pooler.endpoints().length).toBe(endpoint ? seen.length : 0);
      if (!endpoint) expect(seen.filter((text) => !text.includes(options))).toEqual([]);
      if (backend === "postgres") expect(seen.some((text) => text.includes("search_path=bullmq"))).toBe(true);
    });
  });
});
