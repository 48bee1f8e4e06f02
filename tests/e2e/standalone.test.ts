import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { removePostgres } from "@rollcall/local-services";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postLogin } from "../harness/operators.ts";
import { runProcess } from "../harness/process.ts";
import {
  findByCommand,
  launchStandalone,
  readPerson,
  type Standalone,
  startStandalone,
  untilFirstFullSync,
  untilGone,
  untilProvisioned,
  untilSaid,
} from "../harness/standalone.ts";

/** A start takes seconds, and many more on a machine that is busy with other tests. */
const timeout = 240_000;

describe("npm start without any settings", { timeout }, () => {
  let dir: string;
  let system: Standalone;
  let firstPassword: string | undefined;
  let firstPersonId: string;

  const readPassword = () => /password (\S+)/.exec(system.output())?.[1];
  const lock = () => join(dir, "running.lock");

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "rollcall-standalone-"));
    system = await startStandalone(dir);
    await untilFirstFullSync(system);
  });
  afterAll(async () => {
    await system?.stop();
    await removePostgres(join(dir, "postgres"));
    await rm(dir, { recursive: true, force: true });
  });

  test("reports its steps, prints one table, and then prints ready once on a line of its own", () => {
    const lines = system.output().split("\n");
    expect(lines.filter((line) => line === "ready")).toHaveLength(1);
    const output = system.output();
    // The first line of the table, with the login.
    expect(output).toMatch(
      new RegExp(`\\n\\n  Console +${system.apiUrl}/admin +login admin, password \\S{12,}\\n`),
    );
    expect(output).toContain(`${system.apiUrl}/admin/queues`);
    expect(output).toContain(`${system.apiUrl}/metrics`);
    for (const variable of ["CLERK_SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
      expect(output).toContain(variable);
    expect(output).toContain(`${dir}/logs`);
    expect(output.indexOf("Applying migrations")).toBeLessThan(output.indexOf("Console"));
  });

  test("the login of the table opens the board, and only the owner can read the secrets file", async () => {
    firstPassword = readPassword();
    const authorization = `Basic ${Buffer.from(`admin:${firstPassword}`).toString("base64")}`;
    const answer = await fetch(`${system.apiUrl}/admin/queues`, { headers: { authorization } });
    expect(answer.status).toBe(200);
    const login = await postLogin(system, { name: "admin", password: firstPassword ?? "" });
    expect(await login.json()).toMatchObject({ name: "admin", role: "admin" });
    const page = await fetch(`${system.apiUrl}/admin`, { headers: { accept: "text/html" } });
    expect(await page.text()).toContain('<div id="console">');
    expect((await stat(join(dir, "secrets.json"))).mode & 0o777).toBe(0o600);
  });

  test("a new user is provisioned, and the output reports sign-up and profile", async () => {
    const clerk = await connectClerkSimulator(system.pageUrl);
    const { id } = await clerk.users.create({ firstName: "Ada", lastName: "Lovelace" });
    firstPersonId = id;
    await untilProvisioned(system, id);
    await untilSaid(system, /Ada Lovelace signed up/);
    await untilSaid(system, /Ada Lovelace provisioned \d+ ms after signing up, by webhook/);
  });

  test("the output reports a lost webhook, and a login provisions its user", async () => {
    const clerk = await connectClerkSimulator(system.pageUrl);
    await clerk.webhooks.disturb({ loseNext: 1 });
    const { id } = await clerk.users.create({ firstName: "Grace" });
    await untilSaid(system, /Webhook lost: user\.created of Grace/);
    await clerk.sessions.signIn(id);
    await untilProvisioned(system, id);
    await untilSaid(system, /Grace provisioned .* by the webhook of a login/);
  });

  test("the command rollcall works on this system, and names it before it deletes", async () => {
    const command = runProcess("apps/cli/dist/main.js", { ROLLCALL_DIR: dir }, ["reconcile"]);
    expect(await command.exited).toBe(0);
    expect(command.output()).toContain(`Using the system that runs here (${dir}/environment)`);
    expect(command.output()).toMatch(/^Full sync \d+ of the database \w+ at 127\.0\.0\.1:\d+ starts\./m);
  });

  test("a second start in the same folder exits with 1, says why, and leaves the first one running", async () => {
    const second = launchStandalone(dir);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(`already runs from this folder: process ${system.pid}`);
    expect((await fetch(`${system.apiUrl}/readyz`)).status).toBe(200);
    expect(existsSync(lock())).toBe(true);
  });

  test("a worker that dies is restarted, and a user who signs up meanwhile is provisioned", async () => {
    const before = await system.pids();
    const worker = await findByCommand(before, "apps/worker");
    process.kill(worker, "SIGKILL");
    const clerk = await connectClerkSimulator(system.pageUrl);
    const { id } = await clerk.users.create({ firstName: "Meanwhile" });
    await untilSaid(system, /The worker has ended \(SIGKILL\)\. It is restarted in 1 s/);
    await untilProvisioned(system, id);
  });

  test("a Postgres that dies is restarted, and a user who signs up meanwhile is provisioned", async () => {
    const postmaster = (await system.pids()).at(-1) ?? 0;
    process.kill(postmaster, "SIGKILL");
    const clerk = await connectClerkSimulator(system.pageUrl);
    const { id } = await clerk.users.create({ firstName: "After" }, { silent: true });
    await untilSaid(system, /Postgres is back/);
    await clerk.sessions.signIn(id);
    await untilProvisioned(system, id);
  });

  test("Ctrl-C ends everything with 0 and leaves no process and no lock", async () => {
    const pids = await system.pids();
    expect(pids).toHaveLength(5);
    // Under npm the process gets the signal twice: from the terminal and from npm.
    system.child.kill("SIGINT");
    system.child.kill("SIGINT");
    expect(await system.exited).toBe(0);
    // Postgres is no child of the system, so it may still be in the table of processes for a moment.
    await untilGone(pids);
    expect(existsSync(lock())).toBe(false);
    expect(existsSync(join(dir, "postgres/postmaster.pid"))).toBe(false);
    expect(system.output()).toMatch(/Stopped\n$/);
  });

  test("the next start has the same users, rows, causes and password", async () => {
    system = await startStandalone(dir);
    const person = await untilProvisioned(system, firstPersonId);
    expect(person).toMatchObject({ cause: "webhook", row: { profile: ["Ada Lovelace", "neon"] } });
    expect(readPassword()).toBe(firstPassword);
  });

  test("after SIGKILL its parts end by themselves, and the next start takes over Postgres", async () => {
    const pids = await system.pids();
    const postmaster = pids.pop() ?? 0;
    system.child.kill("SIGKILL");
    // The start comes at once, while the old parts may still hold ports and locks.
    const next = startStandalone(dir);
    await untilGone(pids);
    system = await next;
    expect(system.output()).toContain("Found Postgres running");
    expect((await system.pids()).at(-1)).toBe(postmaster);
    await untilProvisioned(system, firstPersonId);
  });

  test("a second Ctrl-C ends everything at once", async () => {
    const pids = await system.pids();
    const worker = await findByCommand(pids, "apps/worker");
    // A suspended part does not stop.
    process.kill(worker, "SIGSTOP");
    system.child.kill("SIGINT");
    await untilSaid(system, /stopping everything/);
    // The test repeats Ctrl-C, because a second signal right after the first one counts as the same.
    const pressing = setInterval(() => system.child.kill("SIGINT"), 200);
    expect(await system.exited).toBe(130);
    clearInterval(pressing);
    await untilGone(pids);
    expect(existsSync(lock())).toBe(false);
  });

  test("--fresh starts with an empty database", async () => {
    system = await startStandalone(dir, {}, ["--fresh"]);
    expect(system.output()).toContain("Starting empty");
    expect(await readPerson(system, firstPersonId)).toBeUndefined();
    expect(readPassword()).not.toBe(firstPassword);
    await system.stop();
  });
});

describe("npm start with Clerk's own keys", { timeout }, () => {
  test("runs without the simulator, reports new users, and generates no credential of Clerk", async () => {
    const dir = await mkdtemp(join(tmpdir(), "rollcall-standalone-"));
    const clerk = await startClerkSimulator();
    const { secret } = await clerk.webhooks.settings();
    const running = launchStandalone(dir, {
      CLERK_SECRET_KEY: clerk.secretKey,
      CLERK_API_URL: clerk.url,
      CLERK_JWT_KEY: clerk.jwtKey.replaceAll("\n", "\\n"),
      CLERK_WEBHOOK_SIGNING_SECRET: secret,
      CLERK_AUTHORIZED_PARTIES: "https://app.example.com",
      ADMIN_PASSWORD: "chosen by an operator",
    });
    await untilSaid(running, /^ready$/m, 120_000);
    expect(running.output()).not.toMatch(/simulator|chosen by an operator/);
    const apiUrl = / API +(\S+)/.exec(running.output())?.[1];
    await clerk.webhooks.configure({ url: `${apiUrl}/api/webhooks/clerk` });
    const { id } = await clerk.users.create({ firstName: "Real" });
    await untilSaid(running, /Webhook delivered: user\.created/);
    // The first full sync may still run and provision the user before the webhook does.
    await untilSaid(running, new RegExp(`${id} provisioned, by (webhook|the full sync|the catch-up)`));
    expect(await running.stop("SIGTERM")).toBe(0);
    await clerk.stop();
    await rm(dir, { recursive: true, force: true });
  });
});

describe("npm start that cannot start", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "rollcall-standalone-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test.each(["PORT", "WORKER_PORT", "SIMULATOR_PORT", "EXAMPLE_PORT"])(
    "names %s when its port is taken, and exits with 1",
    async (name) => {
      const server = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as AddressInfo; // It listens on TCP.
      const running = launchStandalone(dir, { [name]: String(port) });
      expect(await running.exited).toBe(1);
      expect(running.output()).toContain(
        `Port ${port} is in use by another program. To use another one: ${name}=`,
      );
      expect(existsSync(join(dir, "running.lock"))).toBe(false);
      server.close();
    },
  );

  test("lists every missing variable with Clerk's own key, and shows no value", async () => {
    const running = launchStandalone(dir, { CLERK_SECRET_KEY: "sk_live_neverShown", PORT: "many" });
    expect(await running.exited).toBe(1);
    const output = running.output();
    for (const name of ["CLERK_JWT_KEY is missing", "CLERK_AUTHORIZED_PARTIES is missing", "PORT "]) {
      expect(output).toContain(name);
    }
    expect(output).not.toMatch(/neverShown|many/);
  });

  test("says that the database is unreachable, and names the variable", async () => {
    const running = launchStandalone(dir, { DATABASE_URL: "postgres://someone@127.0.0.1:9/none" });
    expect(await running.exited).toBe(1);
    expect(running.output()).toContain("DATABASE_URL");
  });

  test("refuses unknown options", async () => {
    const running = launchStandalone(dir, {}, ["--frehs"]);
    expect(await running.exited).toBe(1);
    expect(running.output()).toContain("--fresh");
  });
});
