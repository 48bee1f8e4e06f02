import { setTimeout as sleep } from "node:timers/promises";
import { connectRedis, type Producer, type SyncQueueName } from "@rollcall/jobs";
import pg from "pg";
import type { StressPlan } from "./plan.ts";
import { connectDeadlineMs } from "./queues.ts";

export type SyncQueues = Record<SyncQueueName, Producer>;

const standstillMs = 60_000;

/**
 * Waits until no job will run or must be moved. Gives up after a minute without any change.
 *
 * @param countWork a number that grows while processes work
 * @returns the stuck jobs
 */
export async function untilIdle(queues: SyncQueues, countWork: () => number): Promise<string[]> {
  let last = "";
  let changedAtMs = Date.now();
  for (;;) {
    const open = await countOpenJobs(queues);
    if (open.length === 0) return [];
    const now = `${open.join()} ${countWork()}`;
    if (now !== last) changedAtMs = Date.now();
    if (Date.now() - changedAtMs > standstillMs) return open;
    last = now;
    await sleep(250);
  }
}

async function countOpenJobs(queues: SyncQueues): Promise<string[]> {
  const states = ["waiting", "prioritized", "active", "delayed", "failed"] as const;
  const counts = await Promise.all(
    Object.entries(queues).map(async ([name, producer]) => {
      const queue = await producer.connected(connectDeadlineMs);
      return Object.entries(await queue.getJobCounts(...states))
        .filter(([, count]) => count > 0)
        .map(([state, count]) => `${name}: ${count} ${state}`);
    }),
  );
  return counts.flat();
}

/** The jobs that became dead letters, named as in the journal's `started` entries, with their codes. */
export async function findDeadLetters(deadLetters: Producer): Promise<ReadonlyMap<string, string>> {
  const queue = await deadLetters.connected(connectDeadlineMs);
  const letters = await queue.getJobs(["waiting"]);
  return new Map(
    letters.map(({ id, name }) => {
      const [source, job] = /^(\w+)\.(.+)\.\d+$/.exec(id ?? "")?.slice(1) ?? [];
      return [`${source} ${job}`, name];
    }),
  );
}

/** Dedup keys and stored next jobs. Idle queues have none. */
export async function findDedupKeys({ backend, url }: StressPlan): Promise<string[]> {
  return backend === "redis" ? findRedisKeys(url) : findPostgresRows(url);
}

async function findRedisKeys(url: string): Promise<string[]> {
  const redis = connectRedis([url], {}, () => undefined);
  try {
    const found = await Promise.all(["de", "dn"].map((kind) => redis.keys(`{rollcall}:*:${kind}:*`)));
    return found.flat();
  } finally {
    redis.disconnect();
  }
}

const dedupRows = `
  select 'dedup ' || queue || ' ' || dedup_id as key from bullmq.dedup
  union all
  select 'dedup_next ' || queue || ' ' || dedup_id from bullmq.dedup_next`;

async function findPostgresRows(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ key: string }>(dedupRows);
    return rows.map(({ key }) => key);
  } finally {
    await client.end();
  }
}
