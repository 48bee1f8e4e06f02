import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { migrateUp } from "@rollcall/db";
import { findReplayable, JobFailure, listDeadLetters, migrateQueues, moveFailedJobs } from "@rollcall/jobs";
import { createDatabase, startRedis } from "@rollcall/local-services";
import { replayDeadLetters } from "@rollcall/sync";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { bundle } from "../../build/bundle.ts";
import { runProcess } from "../harness/process.ts";
import { openStage, type Place, type Stage } from "./deaths/stage.ts";

const deadlineMs = 10_000;
const program = fileURLToPath(new URL("deaths/dying-process.ts", import.meta.url));
/** Where the packages are found that it asks for while it runs. */
const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));
let folder: string;

// Forty processes die here; as one file of JavaScript each takes a fifth of the CPU to start.
beforeAll(async () => {
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, "rollcall-deaths-"));
  const conditions = ["@rollcall/source"];
  await bundle({ entryPoints: [program], outdir: folder, outExtension: { ".js": ".mjs" }, conditions });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the task in a process of its own, which kills itself at its n-th step. @returns whether it died */
async function runUntil(dieAt: number, task: "move" | "replay", place: Place): Promise<boolean> {
  const plan = JSON.stringify({ ...place, task, dieAt });
  const running = runProcess(join(folder, "dying-process.mjs"), {}, [plan]);
  const end = await running.exited;
  if (end !== "SIGKILL" && end !== 0) throw new Error(`The process ended with ${end}: ${running.output()}`);
  return end === "SIGKILL";
}

for (const backend of ["redis", "postgres"] as const) {
  const missing = backend === "redis" && !inject("redisBinary");
  describe.skipIf(missing)(`with queues on ${backend}${missing ? " (skipped: no redis-server)" : ""}`, () => {
    test("a mover killed at any step loses no job and makes no letter twice", async () => {
      const { place, stage } = await prepare(backend);
      let steps = 0;
      for (let died = true; died; ) {
        const people = await failTwo(stage, ++steps);
        died = await runUntil(steps, "move", place);
        expect(new Set([...(await listFailed(stage)), ...(await listLetters(stage))])).toEqual(
          new Set(people),
        );
        await moveFailedJobs(await stage.sync.connected(deadlineMs), stage.deadLetters, deadlineMs);
        expect(await listFailed(stage)).toEqual([]);
        expect((await listLetters(stage)).sort()).toEqual(people);
        await empty(stage);
      }
      // Two jobs, each with a step before and after its copy and its removal; then it got through.
      expect(steps).toBe(9);
    });

    test("a replay killed at any step loses no letter's work, and the next one finishes it", async () => {
      const { place, stage } = await prepare(backend);
      let steps = 0;
      for (let died = true; died; ) {
        const people = await failTwo(stage, ++steps);
        await moveFailedJobs(await stage.sync.connected(deadlineMs), stage.deadLetters, deadlineMs);
        died = await runUntil(steps, "replay", place);
        for (const clerkId of people) {
          const isLetter = (await listLetters(stage)).includes(clerkId);
          expect(isLetter || ((await isWaiting(stage, clerkId)) && (await isRecorded(stage, clerkId)))).toBe(
            true,
          );
        }
        const producers = { ...stage, "dead-letter": stage.deadLetters };
        await replayDeadLetters({ pool: stage.pool, producers }, { all: true }, "test");
        expect(await listLetters(stage)).toEqual([]);
        for (const clerkId of people) {
          expect(await isRecorded(stage, clerkId)).toBe(true);
          expect(await countWaiting(stage, clerkId)).toBe(1);
        }
        await empty(stage);
      }
      // Two jobs, one record and two removals, with a step before and after each; then it got through.
      expect(steps).toBe(11);
    });

    test("who has waited longest is replayed first, however many there are", async () => {
      const { stage } = await prepare(backend);
      const people = Array.from({ length: 450 }, (_, index) => `user_${index}`);
      for (const clerkId of people)
        await bury(stage, clerkId, clerkId === "user_1" ? "clerk.unreadable" : "user.rejected");
      const choose = async (code: string | undefined, limit: number) =>
        (await findReplayable(stage.deadLetters, code, limit)).map((letter) => readId(letter.payload));
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

async function bury(stage: Stage, clerkId: string, code: string): Promise<void> {
  const now = Date.now();
  const syncJob = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: now };
  const fate = { code, attempts: 5, firstAtMs: now, failedAtMs: now, replayable: true };
  const payload = { v: 1, queue: "sync", name: "refresh", payload: syncJob, ...fate };
  await stage.deadLetters.add({ name: code, payload, options: {} }, deadlineMs);
}

/** Two jobs that failed for good, as a worker leaves them. @returns whose they are */
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
