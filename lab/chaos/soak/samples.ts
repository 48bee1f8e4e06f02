import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { z } from "zod";
import { withClient } from "../../stage/postgres.ts";
import type { ProcessName } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { readSizes, type Sizes } from "./sizes.ts";

export type Sample = {
  atMs: number;
  memory: Readonly<Record<ProcessName, Memory>>;
  /** The number of connections to Postgres. */
  connections: Readonly<Record<ProcessName, number>>;
  /** Size of the queues: Redis' `used_memory`, or BullMQ's tables with their indexes. */
  queueBytes: number;
  sizes: Sizes;
  /** The number of events in the timeline. */
  events: number;
};

export async function takeSample(stage: Stage): Promise<Sample> {
  const [memory, queueBytes, sizes] = await Promise.all([
    readMemory(stage),
    readQueueBytes(stage),
    readSizes(stage),
  ]);
  const connected = (name: ProcessName) => stage.proxy(name, "postgres")?.connections() ?? 0;
  return {
    atMs: Date.now(),
    memory,
    connections: {
      api0: connected("api0"),
      api1: connected("api1"),
      worker0: connected("worker0"),
      worker1: connected("worker1"),
    },
    queueBytes,
    ...sizes,
  };
}

async function readQueueBytes({ redis, databaseUrl }: Stage): Promise<number> {
  if (redis) return readUsedMemory(redis.url);
  return withClient(databaseUrl, async (db) => {
    const { rows } = await db.query<{ bytes: string }>(
      "select coalesce(sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)), 0)::text as bytes from pg_tables where schemaname = 'bullmq'",
    );
    return Number(rows[0]?.bytes);
  });
}

async function readUsedMemory(url: string): Promise<number> {
  const redis = new Redis(url);
  try {
    return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
  } finally {
    redis.disconnect();
  }
}

/** Memory after a garbage collection, in bytes. */
const memory = z.object({
  /** Milliseconds since the epoch. */
  atMs: z.number(),
  /** Memory that the program still refers to, buffers included. Only a leak grows here for long. */
  live: z.number(),
  /** The process' resident memory: also code, stacks, and the allocator's reserve. */
  resident: z.number(),
});

export type Memory = z.infer<typeof memory>;

/** A collection takes 0.1 s of CPU time. On a busy machine, the process may wait long for a core. */
const answerTimeoutMs = 30_000;
const pollMs = 50;

/** The module that a process must preload for `readMemory`. */
export function memoryModule(folder: string, name: ProcessName): string {
  const url = new URL("collect-garbage.js", import.meta.url);
  url.searchParams.set("to", fileOf(folder, name));
  return url.href;
}

/** Lets each process collect its garbage, and reads its memory. @throws Error if a process is down or does not answer */
async function readMemory({ folder, processes }: Stage): Promise<Record<ProcessName, Memory>> {
  const requestedAtMs = Date.now();
  for (const { name, pid } of Object.values(processes)) {
    const id = pid();
    if (id === undefined) throw new Error(`${name} is down`);
    process.kill(id, "SIGUSR2");
  }
  const read = (name: ProcessName) => untilWritten(fileOf(folder, name), requestedAtMs);
  const [api0, api1, worker0, worker1] = await Promise.all([
    read("api0"),
    read("api1"),
    read("worker0"),
    read("worker1"),
  ]);
  return { api0, api1, worker0, worker1 };
}

async function untilWritten(file: string, requestedAtMs: number): Promise<Memory> {
  while (Date.now() < requestedAtMs + answerTimeoutMs) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    const answer = text === undefined ? undefined : memory.parse(JSON.parse(text));
    if (answer && answer.atMs >= requestedAtMs) return answer;
    await sleep(pollMs);
  }
  throw new Error(`${file} was not written within ${answerTimeoutMs} ms`);
}

function fileOf(folder: string, name: ProcessName): string {
  return join(folder, `${name}.memory.json`);
}
