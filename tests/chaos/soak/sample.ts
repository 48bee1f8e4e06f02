import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import type { ProcessName } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { withClient } from "../stage/with-client.ts";

export type Sample = {
  atMs: number;
  /** Resident memory, in bytes. */
  memory: Readonly<Record<ProcessName, number>>;
  /** To Postgres. */
  connections: Readonly<Record<ProcessName, number>>;
  /** What the queues take: Redis' `used_memory`, or the size of BullMQ's tables with their indexes. */
  queueBytes: number;
};

export async function takeSample(stage: Stage): Promise<Sample> {
  const { api0, api1, worker0, worker1 } = stage.processes;
  const [memory0, memory1, memory2, memory3, queueBytes] = await Promise.all([
    readMemory(api0.pid()),
    readMemory(api1.pid()),
    readMemory(worker0.pid()),
    readMemory(worker1.pid()),
    readQueueBytes(stage),
  ]);
  const connected = (name: ProcessName) => stage.proxy(name, "postgres")?.connections() ?? 0;
  return {
    atMs: Date.now(),
    memory: { api0: memory0, api1: memory1, worker0: memory2, worker1: memory3 },
    connections: {
      api0: connected("api0"),
      api1: connected("api1"),
      worker0: connected("worker0"),
      worker1: connected("worker1"),
    },
    queueBytes,
  };
}

async function readMemory(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout) * 1_024;
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
