import { readSyncJob } from "@rollcall/jobs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeOnBackends, describeOnRedis } from "../harness/backends.ts";
import {
  ensure,
  ensureAgain,
  postWebhook,
  readDeadLetters,
  readRows,
  untilDeadLetter,
  untilProfile,
  withQueue,
} from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterEach(() => system.clerk.faults.heal());
  afterAll(() => system?.stop());

  async function readiness(): Promise<{ status: number; body: string }> {
    const answer = await fetch(`${system.apiUrl}/readyz`);
    return { status: answer.status, body: await answer.text() };
  }

  async function untilReadiness(status: number, part: string): Promise<void> {
    await waitFor(`readyz to answer ${status} with ${part}`, async () => {
      const now = await readiness();
      return now.status === status && now.body.includes(part) ? true : undefined;
    });
  }

  test("after Postgres is back, every user of an accepted webhook gets a profile, without a restart", async () => {
    await system.postgres.stop("immediate");
    const people = await Promise.all(Array.from({ length: 20 }, () => system.clerk.users.create()));
    await untilReadiness(backend === "redis" ? 200 : 503, "postgres");
    await system.restartPostgres();
    await system.untilReady();
    await system.clerk.webhooks.drain({ retries: true });
    for (const person of people) await untilProfile(system, person.id);
    expect(await readDeadLetters(system)).toEqual([]);
  });

  test("api and worker start while Postgres is away, and work once it is there", async () => {
    await Promise.all([system.api.stop(), system.worker.stop()]);
    await system.postgres.stop("immediate");
    system.api = system.startApi();
    system.worker = system.startWorker();
    await waitFor("the api to answer", async () => {
      const answer = await fetch(`${system.apiUrl}/healthz`);
      return answer.status === 200 ? true : undefined;
    });
    const person = await system.clerk.users.create();
    await waitFor("a delivery attempt", async () => {
      const [message] = (await system.clerk.webhooks.list()).slice(-1);
      return (message?.attempts.length ?? 0) > 0 ? true : undefined;
    });
    await system.restartPostgres();
    await untilProfile(system, person.id);
    await system.untilReady();
    expect([system.api.child.exitCode, system.worker.child.exitCode]).toEqual([null, null]);
  });

  test("ensure answers 503 with Retry-After while Postgres is away, and 200 when it is back", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    await system.postgres.stop("immediate");
    const answer = await ensure(system, person.id);
    expect(answer).toMatchObject({ status: 503, body: { error: { code: "postgres.unavailable" } } });
    expect(answer.headers.get("retry-after")).toBe("1");
    await system.restartPostgres();
    await system.untilReady();
    expect((await ensureAgain(system, person.id)).status).toBe(200);
  });

  test.each([
    ["500", { kind: "status", status: 500 }],
    ["429 with Retry-After", { kind: "rate-limit", retryAfterS: 2 }],
    ["nothing at all", { kind: "hang" }],
    ["a closed connection", { kind: "reset" }],
    ["half an answer", { kind: "truncated" }],
    ["malformed JSON", { kind: "malformed" }],
  ] as const)("Clerk answering %s to every request costs no attempt and no user", async (_answer, fault) => {
    await system.clerk.requests.clear();
    await system.clerk.faults.add(fault);
    const people = await Promise.all(Array.from({ length: 5 }, () => system.clerk.users.create()));
    await waitFor("a request during the outage", async () => {
      const totals = await system.clerk.requests.totals();
      return totals.total > 0 ? true : undefined;
    });
    await system.clerk.faults.heal();
    for (const person of people) await untilProfile(system, person.id);
    expect(await readDeadLetters(system)).toEqual([]);
    const attempts = await readAttempts(new Set(people.map((person) => person.id)));
    expect(attempts.length).toBeGreaterThan(0);
    expect(new Set(attempts)).toEqual(new Set([1]));
  });

  /** The attempts of these users' jobs, once all of the jobs have finished. */
  function readAttempts(clerkIds: ReadonlySet<string>): Promise<number[]> {
    return withQueue(system, "sync", (queue) =>
      waitFor("the jobs to be finished", async () => {
        const jobs = await queue.getJobs(["active", "waiting", "delayed", "completed"]);
        const ours = jobs.filter((job) => clerkIds.has(readSyncJob(job.data).clerkId));
        return ours.every((job) => job.finishedOn) ? ours.map((job) => job.attemptsMade) : undefined;
      }),
    );
  }

  test("Clerk failing for one user alone delays no other user, and ends as that user's dead letter", async () => {
    const broken = await system.clerk.users.create({}, { silent: true });
    await system.clerk.faults.add({ kind: "status", status: 500, forUser: broken.id });
    const [, ...others] = await Promise.all([
      ensure(system, broken.id),
      ...Array.from({ length: 5 }, async () => {
        const person = await system.clerk.users.create({}, { silent: true });
        return ensureAgain(system, person.id);
      }),
    ]);
    expect(others.map((answer) => answer.status)).toEqual(Array(5).fill(200));
    await untilDeadLetter(system, broken.id);
    const letters = await readDeadLetters(system);
    expect(letters.map((letter) => JSON.parse(letter))).toMatchObject([
      { code: "clerk.unreadable", attempts: 5, payload: { clerkId: broken.id } },
    ]);
    await system.clerk.faults.heal();
  });

  test("a worker killed in the middle of its jobs loses none of them", async () => {
    await system.clerk.requests.clear();
    await system.clerk.faults.add({ kind: "hang" });
    const people = await Promise.all(Array.from({ length: 10 }, () => system.clerk.users.create()));
    await waitFor("Clerk to be asked", async () => {
      const totals = await system.clerk.requests.totals();
      return totals.total > 0 ? true : undefined;
    });
    await system.worker.stop("SIGKILL");
    await system.clerk.faults.heal();
    system.worker = system.startWorker();
    for (const person of people) await untilProfile(system, person.id, 120_000);
    for (const person of people) expect((await readRows(system, person.id)).mentorados).toHaveLength(1);
  });

  test("readyz names the worker as degraded after a minute without one", async () => {
    await system.worker.stop("SIGKILL");
    await system.db.query("update rollcall.workers set seen_at = seen_at - interval '61 seconds'");
    await untilReadiness(200, '"worker"');
    system.worker = system.startWorker();
    await system.untilReady();
  });
});

describeOnRedis("Redis itself", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend: "redis" });
  });
  afterAll(() => system?.stop());

  const body = (id: string) => JSON.stringify({ type: "user.created", data: { id } });

  async function post(id: string) {
    return postWebhook(system, body(id));
  }

  test("stopped: webhooks answer 503 with Retry-After, known users 200, and the queue is used again after the restart", async () => {
    const known = await system.clerk.users.create();
    await untilProfile(system, known.id);
    const unknown = await system.clerk.users.create({}, { silent: true });
    await system.redis?.stop();
    const answer = await post(unknown.id);
    expect(answer).toMatchObject({ status: 503, body: { error: { code: "queue.unavailable" } } });
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(await ensure(system, known.id)).toMatchObject({ status: 200, body: { success: true } });
    expect(await ensure(system, unknown.id)).toMatchObject({
      status: 503,
      body: { error: { code: "queue.unavailable" } },
    });
    // One answer is shared for a second, so the first one may be from before.
    await waitFor("readyz to name the queue", async () => {
      const ready = await (await fetch(`${system.apiUrl}/readyz`)).json();
      return JSON.stringify(ready) === '{"status":"degraded","degraded":["queue"]}' ? true : undefined;
    });
    await system.restartRedis();
    await system.untilReady();
    expect((await post(unknown.id)).status).toBe(200);
    await untilProfile(system, unknown.id);
  });

  test("frozen: webhooks answer 503 instead of hanging", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const pid = system.redis?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    const answer = await post(person.id);
    process.kill(pid, "SIGCONT");
    expect(answer).toMatchObject({ status: 503, body: { error: { code: "queue.unavailable" } } });
    await waitFor("the queue to be used again", async () =>
      (await post(person.id)).status === 200 ? true : undefined,
    );
    await untilProfile(system, person.id);
  });

  test("away at boot: the api starts, answers 503, and works once Redis is there", async () => {
    await system.api.stop();
    await system.redis?.stop();
    system.api = system.startApi();
    await waitFor("the api to answer", async () =>
      (await fetch(`${system.apiUrl}/healthz`)).ok ? true : undefined,
    );
    expect((await post("user_early")).status).toBe(503);
    await system.restartRedis();
    await system.untilReady();
    expect((await post("user_early")).status).toBe(200);
  });

  test("while Postgres is away, the session cache answers for a known user and marks the answer as stale", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    // The user's job drops the cache entry after its commit. Jobs of other tests wait for a user that Clerk lacks.
    await waitFor("the end of the user's job", () =>
      withQueue(system, "sync", async (queue) => {
        const unfinished = await queue.getJobs(["active", "waiting"]);
        return unfinished.some(({ data }) => JSON.stringify(data).includes(person.id)) ? undefined : true;
      }),
    );
    const before: unknown[] = [];
    await waitFor("the user to be cached", async () => {
      before.push((await ensure(system, person.id)).body);
      const metrics = await (await fetch(`${system.apiUrl}/metrics`)).text();
      return /rollcall_session_cache_total\{result="hit"\} [1-9]/.test(metrics) ? true : undefined;
    });
    expect(JSON.stringify(before)).not.toContain("stale");
    await system.postgres.stop("immediate");
    const answer = await waitFor("stale answers", async () => {
      const now = await ensure(system, person.id);
      return JSON.stringify(now.body).includes('"stale":true') ? now : undefined;
    });
    expect(answer).toMatchObject({ status: 200, body: { user: { clerkId: person.id } } });
    await system.restartPostgres();
    await system.untilReady();
  });
});
