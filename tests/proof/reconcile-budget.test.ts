import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { findInequalities } from "../harness/clerk-equality.ts";
import { runProcess } from "../harness/process.ts";
import { readFullSyncs, untilFullSyncEnded } from "../harness/runs.ts";
import { type System, startSystem } from "../harness/system.ts";

const users = 4_000;
/** 5 % of the 100 requests in 10 s that Clerk allows a development key. */
const budget = { share: "0.05", requests: 5, windowMs: 10_000 };

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({
      backend,
      environment: { CLERK_RATE_BUDGET: budget.share, RECONCILE_CATCHUP_EVERY_MS: "86400000" },
    });
    await untilFullSyncEnded(system);
  });
  afterAll(() => system?.stop());

  test("two workers and a command that start at once run one full sync, inside the budget in every window of 10 s", async () => {
    await system.worker.stop();
    await system.clerk.users.seed(users);
    await system.db.query("truncate rollcall.runs cascade");
    await system.clerk.requests.clear();

    system.worker = system.startWorker();
    const second = system.startWorker({ ...system.environment, WORKER_PORT: "0" });
    const command = runProcess("apps/cli/dist/main.js", system.environment, ["reconcile"]);
    expect(await command.exited).toBe(0);

    expect(command.output()).toContain(
      `Full sync ${(await readFullSyncs(system))[0]?.id} is done: 4,000 users`,
    );
    expect(await readFullSyncs(system)).toMatchObject([{ state: "succeeded", seen: users }]);
    expect(await findInequalities(system)).toEqual([]);
    const requests = await system.clerk.requests.list();
    const ofTheFullSync = requests.filter(({ query }) => query.includes("%2Bcreated_at"));
    expect(ofTheFullSync.length).toBeGreaterThanOrEqual(users / 500);
    expect(ofTheFullSync.length).toBeLessThanOrEqual(users / 500 + 2);
    const times = requests.map(({ atMs }) => atMs);
    const inWindow = times.map(
      (from) => times.filter((at) => at >= from && at < from + budget.windowMs).length,
    );
    expect(Math.max(...inWindow)).toBeLessThanOrEqual(budget.requests);
    expect(await second.stop()).toBe(0);
  });
});
