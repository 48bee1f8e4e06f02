import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { readDeadLetters } from "../harness/calls.ts";
import { type RunningProcess, runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const signUpsPerSecond = 50;
const rounds = 3;

describeOnBackends((backend) => {
  let system: System;
  const crew: RunningProcess[] = [];
  beforeAll(async () => {
    system = await startSystem({ backend, redisBinary: inject("redisBinary") });
    crew.push(system.worker, startSecond());
  });
  afterAll(async () => {
    await Promise.all(crew.map((worker) => worker.stop()));
    await system?.stop();
  });

  /** A worker whose port is its own. */
  function startSecond(): RunningProcess {
    return runProcess("apps/worker/dist/main.js", { ...system.environment, WORKER_PORT: "0" });
  }

  test("workers restarted one after the other under load lose nothing, and nothing is done twice", async () => {
    const ids: string[] = [];
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        const people = await Promise.all(
          Array.from({ length: signUpsPerSecond / 10 }, () => system.clerk.users.create()),
        );
        ids.push(...people.map(({ id }) => id));
        await sleep(100);
      }
    })();
    for (let round = 0; round < rounds; round++) {
      for (const [index, worker] of crew.entries()) {
        // Before it works it has nobody who hears the signal.
        await waitFor("the worker", async () => (worker.output().includes("Working") ? true : undefined));
        await sleep(1_500);
        // An orderly stop: it finishes what it has in hand.
        expect(await worker.stop("SIGTERM")).toBe(0);
        crew[index] = startSecond();
      }
    }
    isOver = true;
    await load;
    await waitFor(
      "everybody's profile",
      async () => {
        const served = await system.db.query<{ count: number }>(
          "select count(*)::int from users u join mentorados m on m.user_id = u.id",
        );
        return served.rows[0]?.count === ids.length ? true : undefined;
      },
      90_000,
    );
    expect(await readDeadLetters(system)).toEqual([]);
    const twice = await system.db.query(
      `select clerk_id, kind from rollcall.events where kind in ('user_created', 'mentorado_created')
       group by clerk_id, kind having count(*) > 1`,
    );
    expect(twice.rows).toEqual([]);
    const made = await system.db.query<{ count: number }>("select count(*)::int from mentorados");
    expect(made.rows[0]?.count).toBe(ids.length);
  }, 300_000);
});
