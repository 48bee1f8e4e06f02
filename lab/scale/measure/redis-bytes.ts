import { Redis } from "ioredis";

/** A connection for one piece of work. */
async function ask<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Bytes that Redis has allocated for everything, its own tables included. */
export async function readUsedBytes(url: string): Promise<number> {
  const text = await ask(url, (redis) => redis.info("memory"));
  return Number(/^used_memory:(\d+)/m.exec(text)?.[1]);
}

/** Bytes of a key with its value; the mean over those given, of which there must be one. */
export async function readKeyBytes(url: string, keys: readonly string[]): Promise<number> {
  const bytes = await ask(url, (redis) =>
    Promise.all(keys.map((key) => redis.memory("USAGE", key, "SAMPLES", 0))),
  );
  return bytes.reduce((sum: number, one) => sum + Number(one), 0) / keys.length;
}
