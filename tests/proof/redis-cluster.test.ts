import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnRedis } from "../harness/backends.ts";
import { ensure, postWebhook, readRows, untilProfile } from "../harness/calls.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../harness/certificates.ts";
import { runProcess } from "../harness/process.ts";
import { type RedisCluster, startRedisCluster } from "../harness/redis-cluster.ts";
import { type System, startSystem } from "../harness/system.ts";
import { startTraffic } from "../harness/traffic.ts";
import { waitFor } from "../harness/wait-for.ts";

const isEncrypted = hasOpenssl();
const manner = isEncrypted ? "that speaks only TLS" : "in the clear (no openssl on PATH)";

describeOnRedis(`on a Redis Cluster with a password, ${manner}`, (redisBinary) => {
  let folder: string;
  let cluster: RedisCluster;
  let certificates: Certificates | undefined;
  let system: System;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rollcall-cluster-"));
    certificates = isEncrypted ? await makeCertificates(folder) : undefined;
    cluster = await startRedisCluster(redisBinary, folder, certificates);
    system = await startSystem({
      backend: "postgres",
      // Redis acknowledges a write before a replica has it. The catch-up repairs a job that is lost with a primary.
      environment: {
        REDIS_URL: cluster.url,
        QUEUE_SHARDS: "3",
        RECONCILE_CATCHUP_EVERY_MS: "5000",
        ...(certificates && { NODE_EXTRA_CA_CERTS: certificates.ca }),
      },
    });
  });
  afterAll(async () => {
    await system?.stop();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const rollcallIn = async (environment: Record<string, string>, ...args: string[]) => {
    const command = runProcess("apps/cli/dist/main.js", { ...system.environment, ...environment }, args);
    return { code: await command.exited, output: command.output() };
  };
  const rollcall = (...args: string[]) => rollcallIn({}, ...args);

  test("webhooks, logins, the session cache, dead letters and the commands work", async () => {
    const { id } = await system.clerk.users.create();
    await untilProfile(system, id);
    const statuses = new Set<number>();
    await waitFor("the cache to answer", async () => {
      statuses.add((await ensure(system, id)).status);
      const metrics = await (await fetch(`${system.apiUrl}/metrics`)).text();
      return /rollcall_session_cache_total\{[^}]*result="hit"[^}]*\} [1-9]/.test(metrics) ? true : undefined;
    });
    expect([...statuses]).toEqual([200]);
    await system.clerk.users.update(id, { firstName: "Renamed" });
    await waitFor("the new name", async () =>
      String((await readRows(system, id)).users[0]?.["name"]).startsWith("Renamed") ? true : undefined,
    );
    await waitFor("the cache to be dropped", async () =>
      JSON.stringify((await ensure(system, id)).body).includes("Renamed") ? true : undefined,
    );
    await postWebhook(system, '{"type":"user.updated","data":{}}');
    expect((await callAdmin(system, "/api/admin/dead-letters/codes")).body).toMatchObject({
      items: [{ code: "webhook.unreadable", count: 1 }],
    });
    expect((await rollcall("status", "--json")).code).toBe(0);
    const { output } = await rollcall("doctor", "--json");
    const { findings } = JSON.parse(output) as { findings: { name: string; state: string }[] };
    expect(findings.filter(({ state }) => state === "wrong")).toEqual([]);
    expect(findings.filter(({ name }) => name === "redis.reachable")).toHaveLength(3);
  });

  test("three shards of a queue are on three nodes", async () => {
    const keys = await cluster.listKeys("*:sync:meta");
    expect(keys.map((found) => found.length)).toEqual([1, 1, 1]);
  });

  test.skipIf(!isEncrypted)("a cluster with another CA is refused, and the doctor says so", async () => {
    const { output } = await rollcallIn(
      { NODE_EXTRA_CA_CERTS: certificates?.strangeCa ?? "" },
      ...["doctor", "--json"],
    );
    const { findings } = JSON.parse(output) as { findings: { name: string; says: string }[] };
    expect(findings.find(({ name }) => name === "redis.reachable")?.says).toContain(
      "SELF_SIGNED_CERT_IN_CHAIN",
    );
  });

  test("after the primary of the queues is killed under traffic, every user gets a profile", async () => {
    const traffic = startTraffic(system);
    await sleep(2_000);
    await cluster.failOver("{rollcall}:sync:id");
    await sleep(2_000);
    const { people, ensureStatuses } = await traffic.stop();
    await system.clerk.webhooks.drain({ retries: true });
    await waitFor(
      "every user's profile",
      async () => {
        const { rows } = await system.db.query(
          "select from users u join mentorados m on m.user_id = u.id where u.clerk_id = any ($1)",
          [people],
        );
        return rows.length === people.length ? true : undefined;
      },
      120_000,
    );
    expect(Object.keys(ensureStatuses).filter((status) => !/^(2..|503)$/.test(status))).toEqual([]);
    const { id } = await system.clerk.users.create();
    await untilProfile(system, id);
  });
});
