import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnRedis } from "../harness/backends.ts";
import { ensure, untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The time limit of one request. It is five times the intended one or two seconds, because the machine may be busy. */
const timeoutMs = 10_000;

/** Requests readiness and metrics of api and worker, each within the time limit. */
async function probe(system: System) {
  const ask = async (url: string) => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return { status: answer.status, text: await answer.text() };
  };
  const [api, worker, apiMetrics, workerMetrics] = await Promise.all([
    ask(`${system.apiUrl}/readyz`),
    ask(`${system.workerUrl}/readyz`),
    ask(`${system.apiUrl}/metrics`),
    ask(`${system.workerUrl}/metrics`),
  ]);
  return { api, worker, metrics: [apiMetrics, workerMetrics] };
}

describe("with queues on Postgres, while Postgres is gone", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend: "postgres" });
  });
  afterAll(() => system?.stop());

  test("api and worker are not ready, metrics answer, admin and ensure answer 503, and all recover by themselves", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    await system.postgres.stop("immediate");
    const { api, worker, metrics } = await waitFor("both to be unready", async () => {
      const now = await probe(system);
      return now.api.status === 503 && now.worker.status === 503 ? now : undefined;
    });
    for (const { text } of [api, worker]) {
      expect(JSON.parse(text)).toEqual({ status: "unavailable", degraded: ["postgres", "queue"] });
    }
    expect(metrics.map((answer) => answer.status)).toEqual([200, 200]);
    const answers = [
      await callAdmin(system, "/api/admin/conflicts"),
      await callAdmin(system, `/api/admin/users/${person.id}`),
      await callAdmin(system, "/api/admin/conflicts/1/resolve", { method: "POST", body: { dismiss: true } }),
      await ensure(system, person.id),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 503, body: { error: { code: "postgres.unavailable" } } });
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    await system.restartPostgres();
    await system.untilReady();
    expect((await callAdmin(system, "/api/admin/conflicts")).status).toBe(200);
  });
});

describeOnRedis("while Redis is frozen", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend: "redis" });
  });
  afterAll(() => system?.stop());

  test("probes and metrics answer, the queue counts as degraded, and a conflict can be resolved", async () => {
    const id = await makeConflict(system);
    const pid = system.redis?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    // One answer is shared for a second, so the first one may be from before.
    const { api, worker, metrics } = await waitFor("both to name the queue", async () => {
      const now = await probe(system);
      return [now.api, now.worker].every(({ text }) => text.includes('"queue"')) ? now : undefined;
    });
    const report = await callAdmin(system, "/api/admin/users/user_frozen_out");
    const resolved = await callAdmin(system, `/api/admin/conflicts/${id}/resolve`, {
      method: "POST",
      body: { dismiss: true },
    });
    process.kill(pid, "SIGCONT");
    expect([api.status, worker.status]).toEqual([200, 200]);
    for (const { text } of [api, worker]) expect(JSON.parse(text).degraded).toContain("queue");
    expect(metrics.map((answer) => answer.status)).toEqual([200, 200]);
    expect(report.status).toBe(404);
    expect(resolved.status).toBe(204);
  });
});

/** Makes a conflict: a new user's email matches two unclaimed profiles. @returns its id */
async function makeConflict(system: System): Promise<number> {
  const email = "frozen@example.com";
  await system.db.query("insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1)", [
    email,
  ]);
  const person = await system.clerk.users.create({ email });
  await untilProfile(system, person.id);
  const { rows } = await system.db.query("select id::int from rollcall.conflicts where state = 'open'");
  return Number(rows[0]?.id);
}
