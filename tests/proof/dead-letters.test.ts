import { migrateUp } from "@rollcall/db";
import { findOldest, JobFailure, listDeadLetters, migrateQueues, moveFailedJobs } from "@rollcall/jobs";
import { createDatabase, startRedis } from "@rollcall/local-services";
import { recordNewDeadLetters, replayDeadLetters } from "@rollcall/sync";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { type BundledPrograms, bundlePrograms } from "../../lab/stage/bundle-programs.ts";
import { runProcess } from "../harness/process.ts";
import { openStage, type Place, type Stage } from "./deaths/stage.ts";

const deadlineMs = 10_000;
const program = new URL("deaths/dying-process.ts", import.meta.url);
let programs: BundledPrograms;

// These tests kill forty processes.
beforeAll(async () => {
  programs = await bundlePrograms([program]);
});
afterAll(() => programs?.remove());

/** Runs the task in a process that kills itself at step `dieAt`. @returns whether the process died */
async function runUntil(dieAt: number, task: "move" | "replay", place: Place): Promise<boolean> {
  const plan = JSON.stringify({ ...place, task, dieAt });
  const running = runProcess(programs.pathOf(program), {}, [plan]);
  const end = await running.exited;
  if (end !== "SIGKILL" && end !== 0) throw new Error(`The process ended with ${end}: ${running.output()}`);
  return end === "SIGKILL";
}

for (const backend of ["redis", "postgres"] as const) {
  const missing = backend === "redis" && !inject("redisBinary");
  describe.skipIf(missing)(`with queues on ${backend}${missing ? " (skipped: no redis-server)" : ""}`, () => {
    test("a mover killed at any step loses no job, and makes and records no dead letter twice", async () => {
      const { place, stage } = await prepare(backend);
      let steps = 0;
      for (let died = true; died; ) {
        const people = await failTwo(stage, ++steps);
        died = await runUntil(steps, "move", place);
        expect(new Set([...(await listFailed(stage)), ...(await listLetters(stage))])).toEqual(
          new Set(people),
        );
        await move(stage);
        expect(await listFailed(stage)).toEqual([]);
        expect((await listLetters(stage)).sort()).toEqual(people);
        expect((await listRecorded(stage, people)).sort()).toEqual(people);
        await empty(stage);
      }
      // Two jobs have a step before and after each copy and removal: eight deaths. The ninth run completes.
      expect(steps).toBe(9);
    });

    test("a replay killed at any step loses no work of a dead letter, and the next replay finishes it", async () => {
      const { place, stage } = await prepare(backend);
      let steps = 0;
      for (let died = true; died; ) {
        const people = await failTwo(stage, ++steps);
        await move(stage);
        died = await runUntil(steps, "replay", place);
        for (const clerkId of people) {
          const isLetter = (await listLetters(stage)).includes(clerkId);
          expect(isLetter || ((await isWaiting(stage, clerkId)) && (await isRecorded(stage, clerkId)))).toBe(
            true,
          );
        }
        // The lease of the dead process ends by itself after some seconds, for which the test does not wait.
        await stage.pool.query("update rollcall.leases set expires_at = now()");
        const producers = { ...stage, "dead-letter": stage.deadLetters };
        await replayDeadLetters({ pool: stage.pool, producers }, { all: true }, "test");
        expect(await listLetters(stage)).toEqual([]);
        for (const clerkId of people) {
          expect(await isRecorded(stage, clerkId)).toBe(true);
          expect(await countWaiting(stage, clerkId)).toBe(1);
        }
        await empty(stage);
      }
      // Two jobs, one record, two removals and three statements for the lease have a step before and after each: sixteen
      // deaths. The next run completes.
      expect(steps).toBe(17);
    });

    test("the oldest dead letters are replayed first, also among hundreds", async () => {
      const { stage } = await prepare(backend);
      const people = Array.from({ length: 450 }, (_, index) => `user_${index}`);
      for (const clerkId of people)
        await addDeadLetter(stage, clerkId, clerkId === "user_1" ? "clerk.unreadable" : "user.rejected");
      const choose = async (code: string | undefined, limit: number) =>
        (await findOldest(stage.deadLetters, { code, replayable: true }, limit)).letters.map((letter) =>
          readId(letter.payload),
        );
      expect(await choose(undefined, 3)).toEqual(["user_0", "user_1", "user_2"]);
      expect(await choose("user.rejected", 3)).toEqual(["user_0", "user_2", "user_3"]);
      expect(await choose(undefined, 500)).toEqual(people);
    });
  });
}

async function prepare(backend: "redis" | "postgres"): Promise<{ place: Place; stage: Stage }> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const binary = inject("redisBinary");
  const redis = backend === "redis" && binary ? await startRedis({ binary }) : undefined;
  const place = { databaseUrl, redisUrl: redis?.url };
  const stage = openStage(place);
  onTestFinished(async () => {
    await stage.close();
    await redis?.stop();
  });
  await migrateUp(stage.pool);
  await migrateQueues(stage.pool.driver);
  return { place, stage };
}

async function move(stage: Stage): Promise<void> {
  const source = await stage.sync.connected(deadlineMs);
  const record = (letters: Parameters<typeof recordNewDeadLetters>[1]) =>
    recordNewDeadLetters(stage.pool, letters);
  await moveFailedJobs(source, stage.deadLetters, record, deadlineMs);
}

/** The users of the events about new dead letters, one for each event. */
async function listRecorded(stage: Stage, people: readonly string[]): Promise<string[]> {
  const found = await stage.pool.query(
    "select clerk_id from rollcall.events where kind = 'dead_letter_added' and clerk_id = any ($1)",
    [people],
  );
  return found.rows.map((row) => String(Reflect.get(Object(row), "clerk_id")));
}

async function addDeadLetter(stage: Stage, clerkId: string, code: string): Promise<void> {
  const now = Date.now();
  const syncJob = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: now };
  const fate = { code, attempts: 5, firstAtMs: now, failedAtMs: now, replayable: true };
  const payload = { v: 1, queue: "sync", name: "refresh", payload: syncJob, ...fate };
  await stage.deadLetters.add({ name: code, payload, options: {} }, deadlineMs);
}

/** Lets two jobs fail for good, as a worker leaves them. @returns the ids of their users */
async function failTwo(stage: Stage, round: number): Promise<string[]> {
  const people = [`user_a${round}`, `user_b${round}`];
  for (const clerkId of people) {
    const payload = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: Date.now() };
    await stage.sync.add({ name: "refresh", payload, options: { attempts: 1 } }, deadlineMs);
  }
  const fail = async () => {
    throw new JobFailure("user.rejected");
  };
  const worker = stage.backend.createWorker("sync", fail, {});
  await expect.poll(async () => (await listFailed(stage)).sort(), { timeout: 30_000 }).toEqual(people);
  await worker.close();
  return people;
}

async function listFailed(stage: Stage): Promise<string[]> {
  const queue = await stage.sync.connected(deadlineMs);
  return (await queue.getFailed()).map((job) => readId(job.data));
}

async function listLetters(stage: Stage): Promise<string[]> {
  const { items } = await listDeadLetters(stage.deadLetters, { limit: 200 });
  return items.map((letter) => readId(letter.payload));
}

function readId(payload: unknown): string {
  return typeof payload === "object" && payload !== null ? String(Reflect.get(payload, "clerkId")) : "";
}

async function countWaiting(stage: Stage, clerkId: string): Promise<number> {
  const queue = await stage.sync.connected(deadlineMs);
  return (await queue.getWaiting()).filter((job) => readId(job.data) === clerkId).length;
}

async function isWaiting(stage: Stage, clerkId: string): Promise<boolean> {
  return (await countWaiting(stage, clerkId)) > 0;
}

async function isRecorded(stage: Stage, clerkId: string): Promise<boolean> {
  const found = await stage.pool.query(
    "select from rollcall.events where clerk_id = $1 and kind = 'dead_letter_replayed' and ref = 'test'",
    [clerkId],
  );
  return found.rows.length > 0;
}

async function empty(stage: Stage): Promise<void> {
  for (const producer of [stage.sync, stage.deadLetters]) {
    await (await producer.connected(deadlineMs)).obliterate({ force: true });
  }
}
