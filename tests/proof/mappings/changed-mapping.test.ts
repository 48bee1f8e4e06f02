import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mapping } from "@rollcall/contracts";
import { findFreePort } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { describeOnOneBackend } from "../../harness/backends.ts";
import { ensure, readDeadLetters } from "../../harness/calls.ts";
import { migrate, migrateProgram } from "../../harness/migrate.ts";
import { type RunningProcess, runProcess } from "../../harness/process.ts";
import { type System, startSystem } from "../../harness/system.ts";
import { waitFor } from "../../harness/wait-for.ts";

const programs = {
  api: "apps/api/dist/main.js",
  worker: "apps/worker/dist/main.js",
  cli: "apps/cli/dist/main.js",
  migrate: migrateProgram,
};

const mapping: Mapping = {
  users: {
    table: "users",
    key: { column: "id", type: "text" },
    state: "added",
    columns: { clerkId: "id", email: "email", tier: "tier" },
  },
  profile: null,
};

/** Two tables that would both do. */
const tables = `
create table users (id text primary key, email text, tier text not null default 'free', full_name text);
create table people (like users including all);
`;

const withColumns = (columns: Partial<Mapping["users"]["columns"]>): Mapping => ({
  ...mapping,
  users: { ...mapping.users, columns: { ...mapping.users.columns, ...columns } },
});
const ofPeople: Mapping = { ...mapping, users: { ...mapping.users, table: "people" } };

const doctorAnswer = z.object({
  findings: z.array(z.object({ name: z.string(), state: z.string(), says: z.string() })),
});

/** A process checks its schema every 15 s. Five times the slack for a busy machine. */
const namesWithinMs = 75_000;

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({
      backend,
      app: { mapping, fill: async ({ db }) => void (await db.query(tables)) },
    });
  });
  afterAll(() => system?.stop());

  /** The environment of a process with another file, or without one. */
  async function under(other: unknown): Promise<Record<string, string>> {
    const { ROLLCALL_CONFIG: _, ...without } = system.environment;
    if (other === undefined) return without;
    const file = join(await mkdtemp(join(tmpdir(), "rollcall-mapping-")), "rollcall.config.json");
    await writeFile(file, JSON.stringify(other));
    return { ...without, ROLLCALL_CONFIG: file };
  }

  /** Starts an api or a worker beside the system's own. */
  async function start(program: "api" | "worker", environment: Record<string, string>) {
    const port = await findFreePort();
    const running = runProcess(programs[program], {
      ...environment,
      PORT: String(port),
      WORKER_PORT: String(port),
    });
    onTestFinished(async () => void (await running.stop()));
    return { ...running, url: `http://127.0.0.1:${port}` };
  }

  async function run(
    program: keyof typeof programs,
    environment: Record<string, string>,
    args: string[] = [],
  ) {
    const ended = runProcess(programs[program], environment, args);
    return { code: await ended.exited, output: ended.output() };
  }

  async function findTables(environment: Record<string, string>) {
    const { output } = await run("cli", environment, ["doctor", "--json"]);
    const { findings } = doctorAnswer.parse(JSON.parse(output));
    return findings.find(({ name }) => name === "postgres.tables");
  }

  const untilSaid = ({ output }: RunningProcess, says: RegExp, timeoutMs?: number) =>
    waitFor(`a process to say ${says}`, async () => says.test(output()) || undefined, timeoutMs);

  const untilSchemaIsNamed = (url: string) =>
    waitFor("readyz to name the schema", async () => {
      const answer = (await (await fetch(`${url}/readyz`)).json()) as { degraded: string[] };
      return answer.degraded.includes("schema") || undefined;
    });

  async function readRows(): Promise<unknown> {
    const read = async (table: string) =>
      (await system.db.query(`select to_jsonb(t) as row from ${table} t order by 1`)).rows;
    const columns = await system.db.query(
      "select attrelid::regclass, attname from pg_attribute where attrelid in ('users'::regclass, 'people'::regclass) order by 1, attnum",
    );
    return { users: await read("users"), people: await read("people"), columns: columns.rows };
  }

  const untilRow = (clerkId: string) =>
    waitFor(`a row for ${clerkId}`, async () => {
      const { rows } = await system.db.query("select * from users where id = $1", [clerkId]);
      return rows[0] as Record<string, unknown> | undefined;
    });

  test("api and worker with the mapping of another table name it at start and write nothing, and no work is lost", async () => {
    await system.worker.stop();
    const before = await readRows();
    const environment = await under(ofPeople);
    const [api, worker] = await Promise.all([start("api", environment), start("worker", environment)]);
    for (const one of [api, worker]) {
      await untilSaid(one, /differs from the one that migrate recorded, in users\.table:/);
      await untilSchemaIsNamed(one.url);
    }
    // The worker with the wrong mapping is the only one that could take the job.
    const { id } = await system.clerk.users.create({ email: "ana@example.com" });
    await system.clerk.webhooks.drain();
    expect(await ensure({ ...system, apiUrl: api.url }, id)).toMatchObject({
      status: 503,
      body: { error: { code: "schema.changed" } },
    });
    await untilSaid(worker, /"outage_began".*"schema\.changed"/);
    expect(await readRows()).toEqual(before);
    await Promise.all([api.stop(), worker.stop()]);

    system.worker = system.startWorker();
    await system.untilReady();
    expect(await untilRow(id)).toMatchObject({ email: "ana@example.com" });
    expect(await readDeadLetters(system)).toEqual([]);
  });

  test("a process without the mapping runs no statement, and names what differs", async () => {
    const without = await under(undefined);
    const lost = await start("worker", without);
    await untilSaid(lost, /differs from the one that migrate recorded, in users\.table|users\.key/);
    expect(lost.output()).not.toContain("public.mentorados");
    expect(await run("cli", system.environment, ["status"])).toMatchObject({ code: 0 });
    expect(await findTables(without)).toMatchObject({
      state: "wrong",
      says: expect.stringContaining("users.key"),
    });
    expect(await run("cli", without, ["users"])).toMatchObject({
      code: 1,
      output: expect.stringContaining("differs from the one that migrate recorded"),
    });
  });

  test("migrate refuses a release with another table by name, and changes nothing", async () => {
    const before = await readRows();
    const environment = await under(ofPeople);
    const says =
      "users.table of the mapping is public.people, but the database was migrated with public.users";
    expect(await run("migrate", environment)).toMatchObject({
      code: 1,
      output: expect.stringContaining(says),
    });
    expect(await findTables(environment)).toMatchObject({ state: "wrong" });
    expect(await run("cli", environment, ["init", "--print-sql"])).toMatchObject({
      output: expect.stringContaining(says),
    });
    expect(await readRows()).toEqual(before);
    expect(await findTables(system.environment)).toMatchObject({ state: "ok" });
  });

  test("every problem of a mapping's file is named at once, by every program, and nothing is written", async () => {
    const before = await readRows();
    const environment = await under({
      users: { ...mapping.users, key: { column: "id", type: "uuid" }, columns: { clerkId: "id", mail: "x" } },
      profile: { name: "user" },
    });
    for (const program of ["api", "worker", "cli", "migrate"] as const) {
      const { code, output } = await run(program, environment, program === "cli" ? ["users"] : []);
      expect(code).not.toBe(0);
      expect(output).toContain("users.columns.mail is not known");
      expect(output).toContain("profile.name is a key of every answer");
      expect(output).toContain("profile.table");
    }
    expect(await readRows()).toEqual(before);
  });

  test("once migrate records another column, processes of the release before stop and name it, and new ones write it", async () => {
    const old = system.worker;
    const environment = await under(withColumns({ name: "full_name" }));
    expect(await migrate(environment)).toContain("changed in users.columns.name. A full sync follows");
    await untilSaid(
      old,
      /differs from the one that migrate recorded, in users\.columns\.name:/,
      namesWithinMs,
    );
    const [api, late] = await Promise.all([
      start("api", environment),
      // Of the release before, and started after it.
      start("worker", system.environment),
    ]);
    await untilSaid(late, /differs from the one that migrate recorded, in users\.columns\.name:/);
    const { id } = await system.clerk.users.create({ firstName: "Bia", email: "bia@example.com" });
    await system.clerk.webhooks.drain();
    const { rows } = await system.db.query("select from users where id = $1", [id]);
    expect(rows).toEqual([]);
    await old.stop();
    // The late one runs on, and takes no work away.
    await start("worker", environment);
    expect(await untilRow(id)).toMatchObject({ full_name: "Bia", email: "bia@example.com" });
    expect(await ensure({ ...system, apiUrl: api.url }, id)).toMatchObject({
      status: 200,
      body: { user: { id, name: "Bia" } },
    });
    expect(await readDeadLetters(system)).toEqual([]);
  });
});
