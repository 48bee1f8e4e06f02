import { type RedisServer, startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startAlertDrill } from "../harness/alert-drill.ts";
import { describeOnBackends, describeOnRedis } from "../harness/backends.ts";
import { ensure, ensureAgain, postWebhook } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { startTcpProxy, type TcpProxy } from "../harness/tcp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Slack for a busy machine: within 20 s on an idle one. */
const recoveryMs = 100_000;

async function readReadiness(url: string): Promise<{ status: number; degraded: string[] }> {
  const answer = await fetch(`${url}/readyz`);
  const { degraded } = (await answer.json()) as { degraded: string[] };
  return { status: answer.status, degraded };
}

/** Both processes answer 200 and name exactly these. */
async function untilBothName(system: System, degraded: string[]): Promise<void> {
  await waitFor(`both to name ${degraded.join(", ")}`, async () => {
    const both = await Promise.all([system.apiUrl, system.workerUrl].map(readReadiness));
    const isSo = both.every(
      (now) => now.status === 200 && JSON.stringify(now.degraded) === JSON.stringify(degraded),
    );
    return isSo ? true : undefined;
  });
}

async function readProblems(system: System): Promise<string[]> {
  const command = runProcess("apps/cli/dist/main.js", system.environment, ["status", "--json"]);
  await command.exited;
  return (JSON.parse(command.output()) as { problems: string[] }).problems;
}

async function readFaults(system: System): Promise<string[]> {
  const command = runProcess("apps/cli/dist/main.js", system.environment, ["doctor", "--json"]);
  await command.exited;
  const { findings } = JSON.parse(command.output()) as { findings: { name: string; state: string }[] };
  return findings.filter(({ state }) => state === "wrong").map(({ name }) => name);
}

function post(system: System, id: string) {
  return postWebhook(system, JSON.stringify({ type: "user.created", data: { id } }));
}

/** A webhook is accepted, and a user who never came by before is provisioned by a login. */
async function untilServed(system: System): Promise<void> {
  const person = await system.clerk.users.create({}, { silent: true });
  await waitFor(
    "a webhook to be accepted",
    async () => ((await post(system, person.id)).status === 200 ? true : undefined),
    recoveryMs,
  );
  const other = await system.clerk.users.create({}, { silent: true });
  await waitFor(
    "a first login to be answered",
    async () => ((await ensure(system, other.id)).status === 200 ? true : undefined),
    recoveryMs,
  );
}

describeOnRedis("A managed Redis fails over, and old connections stay on the demoted primary", (binary) => {
  let servers: RedisServer[];
  let proxy: TcpProxy;
  let system: System;
  let admins: Redis[];

  beforeAll(async () => {
    servers = await Promise.all([startRedis({ binary }), startRedis({ binary })]);
    admins = servers.map(({ url }) => new Redis(url));
    proxy = await startTcpProxy(servers[0]?.port ?? 0);
    // Without Redis of its own, which nothing could fail over.
    const environment = { REDIS_URL: proxy.proxied(servers[0]?.url ?? "") };
    system = await startSystem({ backend: "postgres", environment });
  });
  afterAll(async () => {
    await system?.stop();
    for (const admin of admins ?? []) admin.disconnect();
    await proxy?.close();
    await Promise.all((servers ?? []).map((server) => server.stop()));
  });

  /** Connections of api and worker to a server. */
  async function countConnections(admin: Redis | undefined): Promise<number> {
    const lines = String(await admin?.client("LIST", "TYPE", "NORMAL"))
      .trim()
      .split("\n");
    return lines.length - 1;
  }

  async function untilReplicated([from, to]: [RedisServer | undefined, Redis | undefined]): Promise<void> {
    await to?.replicaof("127.0.0.1", from?.port ?? 0);
    await waitFor("the replica", async () =>
      String(await to?.info("replication")).includes("master_link_status:up") ? true : undefined,
    );
  }

  test("while every connection leads to a replica, readyz, status and doctor name the queue, and 503s count", async () => {
    const [a, b] = admins;
    await untilReplicated([servers[0], b]);
    await b?.replicaof("NO", "ONE");
    await untilReplicated([servers[1], a]);
    await untilBothName(system, ["queue"]);
    expect(await post(system, "user_refused")).toMatchObject({
      status: 503,
      body: { error: { code: "queue.unavailable" } },
    });
    const metrics = await (await fetch(`${system.apiUrl}/metrics`)).text();
    expect(metrics).toMatch(
      /rollcall_http_requests_total\{route="\/api\/webhooks\/clerk",status="503",code="queue.unavailable"\} [1-9]/,
    );
    expect(await readProblems(system)).toContainEqual(expect.stringContaining("refuse writes"));
    expect(await readFaults(system)).toContain("redis.writable");
    const drill = await startAlertDrill(system, ["answers_unavailable"]);
    onTestFinished(() => drill.stop());
    await Promise.all(Array.from({ length: 25 }, (_, index) => post(system, `user_refused${index}`)));
    await drill.untilFired("answers_unavailable");
  });

  test("once new connections lead to the new primary, webhooks and logins answer 200 without a restart", async () => {
    proxy.leadTo(servers[1]?.port ?? 0);
    await untilServed(system);
    await untilBothName(system, []);
    // Also the connections that only read or block. Each of them writes, or is replaced, within ten seconds.
    await waitFor(
      "no connection to be left on the demoted primary",
      async () => ((await countConnections(admins[0])) === 0 ? true : undefined),
      recoveryMs,
    );
    await waitFor("the connections to the new primary", async () =>
      (await countConnections(admins[1])) > 5 ? true : undefined,
    );
    expect([system.api.child.exitCode, system.worker.child.exitCode]).toEqual([null, null]);
  });
});

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const degraded = backend === "redis" ? ["postgres"] : ["postgres", "queue"];

  async function setReadOnly(): Promise<void> {
    await system.db.query("alter system set default_transaction_read_only = on");
    await system.db.query("select pg_reload_conf()");
  }
  async function resetReadOnly(): Promise<void> {
    await system.db.query("alter system reset default_transaction_read_only");
    await system.db.query("select pg_reload_conf()");
  }

  test("a Postgres that refuses writes is named by readyz, status and doctor, and known users still log in", async () => {
    const known = await system.clerk.users.create({}, { silent: true });
    expect((await ensureAgain(system, known.id)).status).toBe(200);
    await setReadOnly();
    onTestFinished(resetReadOnly);
    await untilBothName(system, degraded);
    expect((await ensure(system, known.id)).status).toBe(200);
    expect(await readProblems(system)).toContainEqual(expect.stringContaining("refuses writes"));
    expect(await readFaults(system)).toContain("postgres.writable");
    await resetReadOnly();
    await untilServed(system);
    await untilBothName(system, []);
  });

  describe("connections that were made while Postgres was read-only", () => {
    test("are replaced, so that webhooks and logins answer 200 without a restart", async () => {
      // A session keeps this setting for as long as it lives, as a connection to a demoted primary keeps its server.
      await system.db.query("alter database postgres set default_transaction_read_only = on");
      onTestFinished(async () => {
        await system.db.query(
          "begin read write; alter database postgres reset default_transaction_read_only; commit",
        );
      });
      await system.db.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where backend_type = 'client backend' and application_name <> '' and pid <> pg_backend_pid()`,
      );
      await untilBothName(system, degraded);
      await system.db.query(
        "begin read write; alter database postgres reset default_transaction_read_only; commit",
      );
      await untilServed(system);
      await untilBothName(system, []);
      expect([system.api.child.exitCode, system.worker.child.exitCode]).toEqual([null, null]);
    });
  });
});
