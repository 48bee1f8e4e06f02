import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { startTcpProxy, type TcpProxy } from "../harness/tcp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";

/** At the simulator's pace, Svix' fifth attempt comes 93 s after the first. */
const timeoutMs = 120_000;

describeOnBackends((backend) => {
  let system: System;
  let proxy: TcpProxy;
  beforeAll(async () => {
    system = await startSystem({ backend });
    const { url, port } = system.redis ?? system.postgres;
    proxy = await startTcpProxy(port);
    await Promise.all([system.api.stop(), system.worker.stop()]);
    system.environment[system.redis ? "REDIS_URL" : "DATABASE_URL"] = proxy.proxied(url);
    system.api = system.startApi();
    system.worker = system.startWorker();
    await system.untilReady();
  });
  afterAll(async () => {
    await system?.stop();
    await proxy?.close();
  });

  test("after connections fell silent, a webhook is accepted and its user gets a profile, without a restart", async () => {
    await untilProfile(system, (await system.clerk.users.create()).id);
    proxy.blackhole();
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id, timeoutMs);
    const answers = (await system.clerk.webhooks.list()).at(-1)?.attempts.map((attempt) => attempt.status);
    expect(answers?.at(-1)).toBe(200);
    expect([system.api.child.exitCode, system.worker.child.exitCode]).toEqual([null, null]);
  }, 150_000);

  test.runIf(backend === "postgres")(
    "a worker whose LISTEN connection falls silent listens again",
    async () => {
      const deaf = await findListeners();
      expect(deaf.size).toBeGreaterThan(0);
      proxy.blackhole();
      await waitFor("a new listener for each queue", async () => {
        const heard = [...(await findListeners())]
          .filter(([pid]) => !deaf.has(pid))
          .map(([, queue]) => queue);
        return new Set(heard).size === 2 ? true : undefined;
      });
      await untilProfile(system, (await system.clerk.users.create()).id, timeoutMs);
    },
    150_000,
  );

  /** The sessions that wait for a queue, by pid. BullMQ names them after their queue. */
  async function findListeners(): Promise<Map<number, string>> {
    const { rows } = await system.db.query<{ pid: number; application_name: string }>(
      "select pid, application_name from pg_stat_activity where application_name in ('ensure', 'sync')",
    );
    return new Map(rows.map((row) => [row.pid, row.application_name]));
  }
});
