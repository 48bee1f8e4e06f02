import type { JobQueue, QueueName } from "@rollcall/jobs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnRedis } from "../harness/backends.ts";
import { postWebhook, readDeadLetters, untilProfile, withQueue } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const shards = 4;
/** So many that each shard has some of them. */
const someUsers = 60;

describeOnRedis("QUEUE_SHARDS changes while jobs wait, run and are dead letters", () => {
  let system: System;
  /** Users whose jobs a killed worker ran. It takes up to 20 s until another one runs them again. */
  let running: string[];
  beforeAll(async () => {
    system = await startSystem({ backend: "redis" });
  });
  afterAll(() => system?.stop());

  const withShards = (count: number) => ({ ...system.environment, QUEUE_SHARDS: String(count) });

  /** Users whose webhooks the api accepted. */
  async function signUp(): Promise<string[]> {
    const people = await Promise.all(
      Array.from({ length: someUsers }, () => system.clerk.users.create({}, { silent: true })),
    );
    for (const { id } of people) {
      const answer = await postWebhook(system, JSON.stringify({ type: "user.created", data: { id } }));
      expect(answer.body).toMatchObject({ status: "accepted" });
    }
    return people.map(({ id }) => id);
  }

  const refreshOf = (clerkId: string) => {
    return { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: Date.now() };
  };

  /** Adds a job as an earlier process may have left it. */
  async function addJob(
    shard: number,
    options: { attempts: number; delay?: number },
    before: (id: string) => Promise<void> = async () => undefined,
  ): Promise<string> {
    const { id } = await system.clerk.users.create({}, { silent: true });
    await before(id);
    await withQueue(
      system,
      "sync",
      (queue) => queue.add("refresh", refreshOf(id), { ...options, removeOnFail: false }),
      shard,
    );
    return id;
  }

  async function stop(process: System["api"], signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await process.stop(signal);
  }

  async function restart(count: { api: number; worker: number }): Promise<void> {
    await stop(system.api);
    system.api = system.startApi(withShards(count.api));
    system.worker = system.startWorker(withShards(count.worker));
    await system.untilReady();
  }

  const ofAll = <T>(name: QueueName, read: (queue: JobQueue) => Promise<T>) =>
    Promise.all(Array.from({ length: shards }, (_, shard) => withQueue(system, name, read, shard)));

  async function expectNothingLeft(): Promise<void> {
    await waitFor("all shards to be idle", async () => {
      const counts = await ofAll("sync", (queue) => queue.getJobCounts());
      const open = counts.map(({ waiting = 0, active = 0, delayed = 0, failed = 0 }) => {
        return waiting + active + delayed + failed;
      });
      return open.every((count) => count === 0) ? true : undefined;
    });
  }

  async function readStatus() {
    const { body } = await callAdmin(system, "/api/admin/status");
    return (body as { queues: { name: string; waiting: number; delayed: number }[] }).queues;
  }

  test("while Clerk does not answer, a worker takes more jobs than its own limit", async () => {
    const people = await Promise.all(
      Array.from({ length: 300 }, () => system.clerk.users.create({}, { silent: true })),
    );
    await system.clerk.faults.add({ kind: "hang" });
    await withQueue(system, "sync", async (queue) => {
      await queue.addBulk(people.map(({ id }) => ({ name: "refresh", data: refreshOf(id) })));
      await waitFor("more than 200 active jobs", async () =>
        (await queue.getActiveCount()) > 200 ? true : undefined,
      );
    });
    await system.clerk.faults.heal();
    await expectNothingLeft();
  });

  test("from 1 to 4: a worker with 1 does the jobs of all shards", async () => {
    const dead = await addJob(0, { attempts: 1 }, async (forUser) => {
      await system.clerk.faults.add({ kind: "malformed", forUser });
    });
    await waitFor("a dead letter", async () =>
      (await readDeadLetters(system)).some((letter) => letter.includes(dead)) ? true : undefined,
    );
    await system.clerk.faults.heal();

    await system.clerk.faults.add({ kind: "hang" });
    running = await signUp();
    await waitFor("active jobs", () =>
      withQueue(system, "sync", async (queue) => ((await queue.getActiveCount()) > 0 ? true : undefined)),
    );
    await stop(system.worker, "SIGKILL");
    await system.clerk.faults.heal();
    const waiting = await signUp();
    const delayed = await addJob(0, { attempts: 1, delay: 1_000 });
    await restart({ api: shards, worker: 1 });
    const added = await signUp();
    for (const id of [...waiting, delayed, ...added]) await untilProfile(system, id, 60_000);
    await waitFor("a completed job in each shard", async () => {
      const done = await ofAll("sync", (queue) => queue.getCompletedCount());
      return done.every((count) => count > 0) ? true : undefined;
    });

    await callAdmin(system, "/api/admin/dead-letters/replay", { method: "POST", body: { all: true } });
    await untilProfile(system, dead);
  });

  test("from 4 to 2: jobs that wait in the last two shards are done, and operators see them until then", async () => {
    await stop(system.worker);
    const waiting = await signUp();
    const delayed = await Promise.all([2, 3].map((shard) => addJob(shard, { attempts: 1, delay: 1_000 })));
    const inLast = await Promise.all(
      [2, 3].map((shard) => withQueue(system, "sync", (queue) => queue.getWaitingCount(), shard)),
    );
    expect(inLast.every((count) => count > 0)).toBe(true);
    await stop(system.api);
    system.api = system.startApi(withShards(2));
    const inEach = await ofAll("sync", (queue) => queue.getWaitingCount());
    const inAll = inEach.reduce((sum, count) => sum + count, 0);
    // An api that starts may answer before it has reached the queues.
    await waitFor(
      "the status of all shards",
      async () => {
        const found = (await readStatus()).find(({ name }) => name === "sync");
        return found?.waiting === inAll && found.delayed === delayed.length ? true : undefined;
      },
      100_000,
    );
    await waitFor("the gauge of all shards", async () => {
      const metrics = await (await fetch(`${system.apiUrl}/metrics`)).text();
      return metrics.includes(`rollcall_queue_jobs{queue="sync",state="waiting"} ${inAll}\n`)
        ? true
        : undefined;
    });
    system.worker = system.startWorker(withShards(2));
    for (const id of [...running, ...waiting, ...delayed]) await untilProfile(system, id, 60_000);
    await expectNothingLeft();
    expect(await readDeadLetters(system)).toEqual([]);
  });
});
