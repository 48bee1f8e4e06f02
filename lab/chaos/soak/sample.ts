import { Redis } from "ioredis";
import type { ProcessName } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { withClient } from "../stage/with-client.ts";
import { type Memory, readMemory } from "./memory.ts";

export type Sample = {
  atMs: number;
  memory: Readonly<Record<ProcessName, Memory>>;
  /** To Postgres. */
  connections: Readonly<Record<ProcessName, number>>;
  /** What the queues take: Redis' `used_memory`, or the size of BullMQ's tables with their indexes. */
  queueBytes: number;
};

export async function takeSample(stage: Stage): Promise<Sample> {
  const [memory, queueBytes] = await Promise.all([readMemory(stage), readQueueBytes(stage)]);
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
