import type { BulkView } from "@rollcall/contracts";
import { findFreePort } from "@rollcall/local-services";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { readQueueCounts } from "../harness/calls.ts";
import type { RunningProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  beforeEach(async () => {
    await system.db.query("truncate users, mentorados, rollcall.events, rollcall.bulk_changes cascade");
  });
  afterAll(() => system?.stop());

  async function insert(count: number): Promise<void> {
    await system.db.query("insert into users (clerk_id) select 'user_' || n from generate_series(1, $1) n", [
      count,
    ]);
  }

  async function start(action: object): Promise<number> {
    const body = { filter: {}, action };
    const answer = await callAdmin(system, "/api/admin/users/bulk", { method: "POST", body });
    expect(answer.status).toBe(202);
    return (answer.body as { jobId: number }).jobId;
  }

  const read = async (id: number) => (await callAdmin(system, `/api/admin/bulk/${id}`)).body as BulkView;

  /** Waits until so many more users are done, or all. */
  function untilMore(id: number, than: number): Promise<BulkView> {
    return waitFor(
      `more than ${than} users to be done`,
      async () => {
        const change = await read(id);
        // The body of a refusal has neither field.
        return change.done > than || change.finishedAt ? change : undefined;
      },
      120_000,
    );
  }

  test("a tier of 30,000 users is written once for each, whatever worker is killed in the middle of it", async () => {
    await insert(30_000);
    const id = await start({ tier: "PRO" });
    let kills = 0;
    let change = await untilMore(id, 0);
    while (change.finishedAt === null) {
      await system.worker.stop("SIGKILL");
      kills++;
      // A portion of the dead worker comes due after half a minute, and the test does not wait for that.
      await system.db.query("update rollcall.bulk_portions set due_at = now()");
      system.worker = system.startWorker();
      change = await untilMore(id, change.done + 5_000);
    }
    expect(kills).toBeGreaterThan(1);
    expect(change).toMatchObject({ state: "done", matching: 30_000, done: 30_000, failed: 0, skipped: 0 });
    const events = await system.db.query(
      `select count(*)::int as events, count(distinct clerk_id)::int as users from rollcall.events
       where kind = 'tier_changed'`,
    );
    expect(events.rows).toEqual([{ events: 30_000, users: 30_000 }]);
    const left = await system.db.query("select from users where tier <> 'PRO' limit 1");
    expect(left.rows).toEqual([]);
  });

  test("three workers at one change do each user once", async () => {
    await insert(20_000);
    const more: RunningProcess[] = [];
    for (let count = 0; count < 2; count++) {
      const port = String(await findFreePort());
      more.push(system.startWorker({ ...system.environment, WORKER_PORT: port }));
    }
    try {
      const [first, second] = [await start({ tier: "PRO" }), await start({ tier: "GOLD" })];
      for (const id of [first, second]) {
        const over = await untilMore(id, 20_000);
        expect(over).toMatchObject({ state: "done", done: 20_000 });
      }
      const events = await system.db.query(
        `select ref, count(*)::int as events, count(distinct clerk_id)::int as users from rollcall.events
         where kind = 'tier_changed' group by ref order by ref`,
      );
      const whole = { events: 20_000, users: 20_000 };
      expect(events.rows).toMatchObject([whole, whole]);
    } finally {
      await Promise.all(more.map((worker) => worker.stop()));
    }
  });

  test("a refresh waits for room in the queue, is taken up after a kill, and every user is synced", async () => {
    await system.clerk.users.seed(2_500);
    const people: { id: string }[] = [];
    for (let offset = 0; offset < 2_500; offset += 500)
      people.push(...(await system.clerk.users.list({ limit: 500, offset })));
    await system.db.query("insert into users (clerk_id) select unnest($1::text[])", [
      people.map(({ id }) => id),
    ]);
    await system.clerk.faults.add({ kind: "hang" });
    const id = await start({ refresh: true });
    await untilMore(id, 500);
    await system.worker.stop("SIGKILL");
    const { waiting, active } = await readQueueCounts(system, "sync");
    // A portion may be added while 500 jobs wait; the worker had taken some of them.
    expect(waiting).toBeLessThanOrEqual(1_001);
    expect(waiting + active).toBeLessThan(2_500);
    await system.clerk.faults.heal();
    await system.db.query("update rollcall.bulk_portions set due_at = now()");
    system.worker = system.startWorker();
    expect(await untilMore(id, 2_500)).toMatchObject({ state: "done", done: 2_500, failed: 0 });
    await waitFor(
      "every profile",
      async () => {
        const { rows } = await system.db.query(
          "select count(*)::int as count from mentorados where user_id is not null",
        );
        return rows[0]?.["count"] === 2_500 || undefined;
      },
      120_000,
    );
  });
});
