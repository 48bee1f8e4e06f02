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
      // No webhook is configured, so that only reconcile finds changes.
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

  test("the first boot starts exactly one full sync by itself, also when two workers start at once", async () => {
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
    const pagesOfFullSync = lists.filter(({ query }) => query.includes("%2Bcreated_at"));
    expect(pagesOfFullSync.length).toBeLessThanOrEqual(Math.ceil(1_700 / 500) + 2);
    expect(await readFullSyncs(system)).toMatchObject([{ state: "succeeded", seen: 1_700 }]);
    expect(await second.stop()).toBe(0);
  });

  test("creations and updates arrive without any webhook, and deletions with the next full sync", async () => {
    const { clerk } = system;
    const [first, second] = await clerk.users.list({ limit: 2 });
    await clerk.users.update(first?.id ?? "", { firstName: "Without", lastName: "Webhook" });
    await clerk.users.create({ firstName: "New" });
    await untilEqual();
    await clerk.users.delete(second?.id ?? "");
    const before = (await readFullSyncs(system)).length;
    await requestFullSync(system);
    expect(await untilFullSyncEnded(system, before + 1)).toMatchObject({
      state: "succeeded",
      counts: { deleted: 1 },
    });
    await untilEqual();
  });

  test("a lost deletion changes the count, which starts a full sync that deletes the user", async () => {
    const before = (await readFullSyncs(system)).length;
    const [first] = await system.clerk.users.list({ limit: 1 });
    await system.clerk.users.delete(first?.id ?? "");
    expect(await untilFullSyncEnded(system, before + 1)).toMatchObject({
      started_by: "catch-up",
      counts: { deleted: 1 },
    });
    await untilEqual();
  });

  test("a full sync whose worker is killed is continued by the next worker", async () => {
    const { clerk } = system;
    const before = (await readFullSyncs(system)).length;
    await clerk.faults.add({ kind: "latency", ms: 400, path: "/v1/users" });
    await requestFullSync(system);
    await waitFor("the second page of the full sync", async () =>
      ((await readFullSyncs(system)).at(before)?.pages ?? 0) >= 1 ? true : undefined,
    );
    await clerk.faults.add({ kind: "hang" });
    await system.worker.stop("SIGKILL");
    await clerk.faults.heal();
    const [person] = await clerk.users.list({ limit: 1 });
    await clerk.users.update(person?.id ?? "", { firstName: "Meanwhile" });
    await letLeasesExpire(system);
    system.worker = system.startWorker();
    const run = await untilFullSyncEnded(system, before + 1);
    expect(run).toMatchObject({
      state: "succeeded",
      seen: await clerk.users.count(),
      counts: { deleted: 0 },
    });
    await untilEqual();
  });

  test("a stopped worker leaves its full sync to the next worker", async () => {
    const before = (await readFullSyncs(system)).length;
    await system.clerk.faults.add({ kind: "latency", ms: 400, path: "/v1/users" });
    await requestFullSync(system);
    await waitFor("the full sync to run", async () =>
      ((await readFullSyncs(system)).at(before)?.pages ?? 0) >= 1 ? true : undefined,
    );
    await system.clerk.faults.add({ kind: "hang" });
    expect(await system.worker.stop()).toBe(0);
    expect((await readFullSyncs(system)).at(before)).toMatchObject({ state: "running" });
    await system.clerk.faults.heal();
    system.worker = system.startWorker();
    expect(await untilFullSyncEnded(system, before + 1)).toMatchObject({ state: "succeeded" });
  });

  test("jobs show their progress, none has failed, and none holds a name or an email", async () => {
    const texts = await withQueue(system, "reconcile", async (queue) => {
      const jobs = await queue.getJobs(["completed", "failed"]);
      expect(jobs.filter((job) => job.failedReason)).toEqual([]);
      expect(jobs.every((job) => readReconcileJob(job.data))).toBe(true);
      return jobs.map((job) => JSON.stringify([job.data, job.progress, job.returnvalue]));
    });
    expect(texts.some((text) => text.includes('"percent":100'))).toBe(true);
    expect(texts.filter((text) => /example\.com|Meanwhile|Webhook/.test(text))).toEqual([]);
  });

  test("a full sync that was due while no worker ran is started by the next worker", async () => {
    const before = (await readFullSyncs(system)).length;
    await system.worker.stop();
    await withQueue(system, "reconcile", async (queue) => {
      await queue.upsertJobScheduler("full", { every: 500 }, { name: "full", data: { v: 1, mode: "full" } });
      await waitFor("the full sync to be overdue", async () =>
        (await isFullSyncOverdue(queue)) ? true : undefined,
      );
    });
    system.worker = system.startWorker();
    expect(await untilFullSyncEnded(system, before + 1)).toMatchObject({
      state: "succeeded",
      started_by: "schedule",
    });
    await withQueue(system, "reconcile", (queue) =>
      waitFor("the configured schedule", async () =>
        (await queue.getJobScheduler("full"))?.pattern === fullCron ? true : undefined,
      ),
    );
  });

  // With queues on Postgres no schedule is due while Postgres is away.
  if (backend === "redis") {
    test("a full sync that is due while Postgres is away runs afterwards, also in a new worker", async () => {
      const before = (await readFullSyncs(system)).length;
      await system.postgres.stop("immediate");
      await withQueue(system, "reconcile", async (queue) => {
        const { id = "" } = await queue.add("full", { v: 1, mode: "full" });
        await waitFor("a worker to snooze the job", async () => {
          const job = await queue.getJob(id);
          return job && job.attemptsStarted > 0 && (await job.isDelayed()) ? true : undefined;
        });
      });
      await system.worker.stop();
      await system.restartPostgres();
      system.worker = system.startWorker();
      expect(await untilFullSyncEnded(system, before + 1)).toMatchObject({
        state: "succeeded",
        started_by: "schedule",
      });
    });
  }

  test("after the queue was emptied, schedules are restored and a full sync starts, and a changed schedule takes effect on restart", async () => {
    const schedules = () =>
      withQueue(system, "reconcile", async (queue) => {
        const found = await queue.getJobSchedulers();
        return found.map(({ key, pattern, every }) => ({ key, pattern, every: every && Number(every) }));
      });
    expect((await schedules()).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toMatchObject([
      { key: "catch-up", every: 1_000 },
      { key: "full", pattern: fullCron },
    ]);
    const before = (await readFullSyncs(system)).length;
    await withQueue(system, "reconcile", (queue) => queue.obliterate({ force: true }));
    await withQueue(system, "reconcile", (queue) =>
      waitFor("the schedules", async () => ((await hasSchedules(queue)) ? true : undefined)),
    );
    // Sync jobs may have been lost too.
    expect((await readFullSyncs(system)).slice(before)).toMatchObject([{ started_by: "emptied-queue" }]);
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
