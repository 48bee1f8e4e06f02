import { hasSchedules, isFullSyncOverdue, readReconcileJob } from "@rollcall/jobs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { withQueue } from "../harness/calls.ts";
import { findInequalities } from "../harness/clerk-equality.ts";
import { makeDistantCron } from "../harness/distant-cron.ts";
import { letLeasesExpire, readFullSyncs, requestFullSync, untilFullSyncEnded } from "../harness/runs.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  const fullCron = makeDistantCron();
  beforeAll(async () => {
    system = await startSystem({
      backend,
      // No webhook is configured at all: everything here is found by looking.
      environment: {
        CLERK_WEBHOOK_SIGNING_SECRET: "",
        RECONCILE_CATCHUP_EVERY_MS: "1000",
        RECONCILE_FULL_CRON: fullCron,
      },
    });
    await untilFullSyncEnded(system);
  });
  afterAll(() => system?.stop());

  const untilEqual = () =>
    waitFor("rows to equal Clerk", async () =>
      (await findInequalities(system)).length === 0 ? true : undefined,
    );

  test("the first boot sweeps by itself, once, also when two workers start at once", async () => {
    expect(await readFullSyncs(system)).toMatchObject([{ state: "succeeded", started_by: "first-boot" }]);
    await system.worker.stop();
    await system.clerk.users.seed(1_700);
    await system.db.query("truncate rollcall.runs cascade");
    await system.clerk.requests.clear();
    system.worker = system.startWorker();
    const environment = { ...system.environment, WORKER_PORT: "0" };
    const second = system.startWorker(environment);
    await untilFullSyncEnded(system);
    await untilEqual();
    const lists = await system.clerk.requests.list({ path: "/v1/users" });
    const sweeps = lists.filter(({ query }) => query.includes("%2Bcreated_at"));
    expect(sweeps.length).toBeLessThanOrEqual(Math.ceil(1_700 / 500) + 2);
    expect(await readFullSyncs(system)).toMatchObject([{ state: "succeeded", seen: 1_700 }]);
    expect(await second.stop()).toBe(0);
  });

  test("creations and updates arrive without any webhook, and deletions with the next sweep", async () => {
    const { clerk } = system;
    const [first, second] = await clerk.users.list({ limit: 2 });
    await clerk.users.update(first?.id ?? "", { firstName: "Without", lastName: "Webhook" });
    await clerk.users.create({ firstName: "New" });
    await untilEqual();
    await clerk.users.delete(second?.id ?? "");
    const sweeps = (await readFullSyncs(system)).length;
    await requestFullSync(system);
    expect(await untilFullSyncEnded(system, sweeps + 1)).toMatchObject({
      state: "succeeded",
      counts: { deleted: 1 },
    });
    await untilEqual();
  });

  test("a lost deletion is noticed by the count and swept, without anybody asking", async () => {
    const sweeps = (await readFullSyncs(system)).length;
    const [first] = await system.clerk.users.list({ limit: 1 });
    await system.clerk.users.delete(first?.id ?? "");
    expect(await untilFullSyncEnded(system, sweeps + 1)).toMatchObject({
      started_by: "catch-up",
      counts: { deleted: 1 },
    });
    await untilEqual();
  });

  test("a worker killed in the middle of a sweep: the next one goes on, and catch-ups never wait for it", async () => {
    const { clerk } = system;
    const sweeps = (await readFullSyncs(system)).length;
    await clerk.faults.add({ kind: "latency", ms: 400, path: "/v1/users" });
    await requestFullSync(system);
    await waitFor("the sweep's second page", async () =>
      ((await readFullSyncs(system)).at(sweeps)?.pages ?? 0) >= 1 ? true : undefined,
    );
    await system.worker.stop("SIGKILL");
    await clerk.faults.heal();
    const [person] = await clerk.users.list({ limit: 1 });
    await clerk.users.update(person?.id ?? "", { firstName: "Meanwhile" });
    await letLeasesExpire(system);
    system.worker = system.startWorker();
    const run = await untilFullSyncEnded(system, sweeps + 1);
    expect(run).toMatchObject({
      state: "succeeded",
      seen: await clerk.users.count(),
      counts: { deleted: 0 },
    });
    await untilEqual();
  });

  test("a stopped worker leaves its sweep to the next one", async () => {
    const sweeps = (await readFullSyncs(system)).length;
    await system.clerk.faults.add({ kind: "latency", ms: 400, path: "/v1/users" });
    await requestFullSync(system);
    await waitFor("the sweep to run", async () =>
      ((await readFullSyncs(system)).at(sweeps)?.pages ?? 0) >= 1 ? true : undefined,
    );
    expect(await system.worker.stop()).toBe(0);
    expect((await readFullSyncs(system)).at(sweeps)).toMatchObject({ state: "running" });
    await system.clerk.faults.heal();
    system.worker = system.startWorker();
    expect(await untilFullSyncEnded(system, sweeps + 1)).toMatchObject({ state: "succeeded" });
  });

  test("progress shows in the queue, no job is a failure, and names and emails are nowhere in it", async () => {
    const texts = await withQueue(system, "reconcile", async (queue) => {
      const jobs = await queue.getJobs(["completed", "failed"]);
      expect(jobs.filter((job) => job.failedReason)).toEqual([]);
      expect(jobs.every((job) => readReconcileJob(job.data))).toBe(true);
      return jobs.map((job) => JSON.stringify([job.data, job.progress, job.returnvalue]));
    });
    expect(texts.some((text) => text.includes('"percent":100'))).toBe(true);
    expect(texts.filter((text) => /example\.com|Meanwhile|Webhook/.test(text))).toEqual([]);
  });

  test("a sweep whose hour passed while no worker was there is made good by the next worker", async () => {
    const sweeps = (await readFullSyncs(system)).length;
    await system.worker.stop();
    await withQueue(system, "reconcile", async (queue) => {
      await queue.upsertJobScheduler("full", { every: 500 }, { name: "full", data: { v: 1, mode: "full" } });
      await waitFor("its hour to pass", async () => ((await isFullSyncOverdue(queue)) ? true : undefined));
    });
    system.worker = system.startWorker();
    expect(await untilFullSyncEnded(system, sweeps + 1)).toMatchObject({
      state: "succeeded",
      started_by: "schedule",
    });
    await withQueue(system, "reconcile", (queue) =>
      waitFor("the schedule as configured", async () =>
        (await queue.getJobScheduler("full"))?.pattern === fullCron ? true : undefined,
      ),
    );
  });

  // On Postgres queues no hour comes while Postgres is away.
  if (backend === "redis") {
    test("a sweep whose hour comes while Postgres is away is done behind it, also when the worker was replaced", async () => {
      const sweeps = (await readFullSyncs(system)).length;
      await system.postgres.stop("immediate");
      await withQueue(system, "reconcile", async (queue) => {
        const { id = "" } = await queue.add("full", { v: 1, mode: "full" });
        await waitFor("a worker to put it back", async () => {
          const job = await queue.getJob(id);
          return job && job.attemptsStarted > 0 && (await job.isDelayed()) ? true : undefined;
        });
      });
      await system.worker.stop();
      await system.restartPostgres();
      system.worker = system.startWorker();
      expect(await untilFullSyncEnded(system, sweeps + 1)).toMatchObject({
        state: "succeeded",
        started_by: "schedule",
      });
    });
  }

  test("schedules come back when the queue was emptied, and a changed one takes effect on restart", async () => {
    const schedules = () =>
      withQueue(system, "reconcile", async (queue) => {
        const found = await queue.getJobSchedulers();
        return found.map(({ key, pattern, every }) => ({ key, pattern, every: every && Number(every) }));
      });
    expect((await schedules()).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toMatchObject([
      { key: "catch-up", every: 1_000 },
      { key: "full", pattern: fullCron },
    ]);
    await withQueue(system, "reconcile", (queue) => queue.obliterate({ force: true }));
    await withQueue(system, "reconcile", (queue) =>
      waitFor("the schedules", async () => ((await hasSchedules(queue)) ? true : undefined)),
    );
    await system.worker.stop();
    const changedCron = makeDistantCron(2);
    const environment = {
      ...system.environment,
      RECONCILE_FULL_CRON: changedCron,
      RECONCILE_CATCHUP_EVERY_MS: "2000",
    };
    system.worker = system.startWorker(environment);
    await waitFor("the changed schedules", async () => {
      const found = await schedules();
      const isChanged =
        found.some(({ pattern }) => pattern === changedCron) && found.some(({ every }) => every === 2_000);
      return isChanged && found.length === 2 ? true : undefined;
    });
    const person = await system.clerk.users.create();
    await waitFor("a user found by the changed catch-up", async () => {
      const rows = await system.db.query("select from users where clerk_id = $1", [person.id]);
      return rows.rowCount === 1 ? true : undefined;
    });
  });
});
