import { Redis } from "ioredis";
import type { System } from "./system.ts";

/** Lists every key of Redis, of any type, whose name or value matches `words`. */
export async function findInRedis(url: string, words: RegExp): Promise<string[]> {
  const redis = new Redis(url);
  const found: string[] = [];
  for (const key of await redis.keys("*")) {
    const dumped = await readKey(redis, key);
    if (words.test(key) || words.test(dumped)) found.push(`${key}: ${dumped}`);
  }
  redis.disconnect();
  return found;
}

/** The value of a key of any type, as text. */
export async function readKey(redis: Redis, key: string): Promise<string> {
  switch (await redis.type(key)) {
    case "string":
      return String(await redis.get(key));
    case "hash":
      return JSON.stringify(await redis.hgetall(key));
    case "list":
      return JSON.stringify(await redis.lrange(key, 0, -1));
    case "set":
      return JSON.stringify(await redis.smembers(key));
    case "zset":
      return JSON.stringify(await redis.zrange(key, "0", "-1"));
    case "stream":
      return JSON.stringify(await redis.xrange(key, "-", "+"));
    default:
      return "";
  }
}

/** Lists every row of the schemas' tables that matches `words`, as text after the name of its table. */
export async function findInPostgres(
  system: System,
  words: RegExp,
  schemas: readonly string[],
): Promise<string[]> {
  const tables = await system.db.query<{ name: string }>(
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name
     from information_schema.tables where table_schema = any ($1)`,
    [schemas],
  );
  const found: string[] = [];
  for (const { name } of tables.rows) {
    const rows = await system.db.query<{ row: string }>(`select t::text as row from ${name} t`);
    found.push(...rows.rows.filter(({ row }) => words.test(row)).map(({ row }) => `${name}: ${row}`));
  }
  return found;
}
