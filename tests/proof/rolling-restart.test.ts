import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "@rollcall/local-services";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { readDeadLetters, untilIdle, withQueue } from "../harness/calls.ts";
import { type RunningProcess, runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const webhooksPerSecond = 50;
const loadBeforeMs = 2_000;

type Worker = { port: number; process: RunningProcess };

describeOnBackends((backend) => {
  let system: System;
  const workers: Worker[] = [];
  /** The output of all workers, ended ones included. */
  const outputs: (() => string)[] = [];

  beforeAll(async () => {
    // Without this, reconcile would repair a lost webhook and hide the loss.
    system = await startSystem({ backend, environment: { RECONCILE_CATCHUP_EVERY_MS: "3600000" } });
    // The system's own worker would be a third one that the list lacks.
    await system.worker.stop();
    for (let count = 0; count < 2; count++) workers.push(await launch(await findFreePort()));
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.process.stop()));
    await system?.stop();
  });

  async function launch(port: number): Promise<Worker> {
    const environment = { ...system.environment, WORKER_PORT: String(port) };
    const process = runProcess("apps/worker/dist/main.js", environment);
    outputs.push(process.output);
    await waitFor("the worker", async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      return answer.ok ? true : undefined;
    });
    return { port, process };
  }

  /** Replaces a worker as a deployment does: the old one gets SIGTERM and ends, and then a new one starts. */
  async function replace(index: number): Promise<number | string> {
    const old = workers[index];
    if (!old) throw new Error(`There is no worker ${index}`);
    const code = await old.process.stop("SIGTERM");
    workers[index] = await launch(old.port);
    return code;
  }

  test("two workers are replaced one after the other under 50 webhooks a second: no change is lost, and none takes effect twice", async () => {
    await waitFor("the first boot's runs to end", async () => {
      const { rows } = await system.db.query("select state from rollcall.runs");
      return rows.length > 0 && rows.every(({ state }) => state === "succeeded") ? true : undefined;
    });
    const runs = await countRuns();
    const load = startLoad(system);
    await sleep(loadBeforeMs);
    const codes = [await replace(0), await replace(1)];
    await sleep(loadBeforeMs);
    const { living, deleted, renamed } = await load.stop();
    expect(codes).toEqual([0, 0]);
    expect(living.length + deleted.length).toBeGreaterThan(webhooksPerSecond);

    await system.clerk.webhooks.drain();
    await untilIdle(system, "sync");
    expect(await readDeadLetters(system)).toEqual([]);
    expect(await listWithProfile()).toEqual([...living].sort());
    expect(await listTombstones()).toEqual([...deleted].sort());
    expect(await listNamed("Renamed")).toEqual([...renamed].sort());

    for (const kind of ["user_created", "mentorado_created", "user_tombstoned"])
      expect(await listRepeated(kind)).toEqual([]);
    const created = outputs.flatMap(
      (read) => read().match(/"event":"mentorado_created","clerkId":"\w+"/g) ?? [],
    );
    expect(created.length).toBe(new Set(created).size);
    expect(await countStalled()).toBe(0);
    expect(await countRuns()).toBe(runs);
  });

  async function listIds(where: string): Promise<string[]> {
    const result = await system.db.query<{ id: string }>(
      `select u.clerk_id as id from users u where ${where} order by u.clerk_id collate "C"`,
    );
    return result.rows.map(({ id }) => id);
  }

  const listWithProfile = () => listIds("exists (select from mentorados m where m.user_id = u.id)");
  const listTombstones = () => listIds("u.deleted_at is not null");
  const listNamed = (name: string) => listIds(`u.name like '${name}%'`);

  async function countRuns(): Promise<number> {
    return (await system.db.query("select from rollcall.runs")).rows.length;
  }

  /** Users whose timeline has more than one event of this kind. */
  async function listRepeated(kind: string): Promise<unknown[]> {
    const result = await system.db.query(
      "select clerk_id, count(*)::int from rollcall.events where kind = $1 group by 1 having count(*) > 1",
      [kind],
    );
    return result.rows;
  }

  /** Counts jobs that a worker left unfinished, so that another worker ran them again. */
  function countStalled(): Promise<number> {
    return withQueue(system, "sync", async (queue) => {
      const jobs = await queue.getJobs(["completed"], 0, 2_000);
      return jobs.filter((job) => job.stalledCounter > 0).length;
    });
  }
});

type Crowd = { living: string[]; deleted: string[]; renamed: string[] };

/** Creates, renames and deletes users: 50 changes a second, and each is a webhook. */
function startLoad({ clerk }: System): { stop(): Promise<Crowd> } {
  const crowd: Crowd = { living: [], deleted: [], renamed: [] };
  const changes: Promise<void>[] = [];
  let turn = 0;
  const timer = setInterval(() => changes.push(change(turn++)), 1_000 / webhooksPerSecond);

  async function change(count: number): Promise<void> {
    const [oldest] = crowd.living;
    if (count % 10 === 8 && oldest) {
      crowd.living.shift();
      crowd.deleted.push(oldest);
      crowd.renamed = crowd.renamed.filter((id) => id !== oldest);
      await clerk.users.delete(oldest);
    } else if (count % 10 === 5 && crowd.living.length > 0) {
      const id = crowd.living.at(-1) ?? "";
      crowd.renamed.push(id);
      await clerk.users.update(id, { firstName: "Renamed" });
    } else {
      crowd.living.push((await clerk.users.create({ firstName: "Person" })).id);
    }
  }

  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(changes);
      return crowd;
    },
  };
}
