import { readFile } from "node:fs/promises";
import { Redis } from "ioredis";
import { readKey } from "../../../tests/harness/find-words.ts";
import { callHttp } from "../../stage/http-call.ts";
import { withClient } from "../../stage/postgres.ts";
import type { Violation } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";

/** Every name, address and image of a user holds one of these words. A match elsewhere is leaked personal data. */
const canary = /canar|serinus/i;

/** Looks for personal data in logs, metrics, jobs, dead letters and events. */
export async function findCanaries(stage: Stage): Promise<Violation[]> {
  const processes = Object.values(stage.processes);
  const texts: [string, string][] = [
    ...(await Promise.all(
      processes.map(
        async ({ name, logFile }): Promise<[string, string]> => [
          `${name}'s log`,
          await readFile(logFile, "utf8"),
        ],
      ),
    )),
    ...(await Promise.all(
      processes.map(async ({ name, url }): Promise<[string, string]> => {
        const { text } = await callHttp(`${url}/metrics`, { timeoutMs: 10_000 });
        return [`${name}'s metrics`, text];
      }),
    )),
    ...(await dumpTables(stage, stage.redis ? ["rollcall"] : ["rollcall", "bullmq"])),
    ...(stage.redis ? await dumpRedis(stage.redis.url) : []),
  ];
  return texts.flatMap(([where, text]) => {
    const line = text.split("\n").find((one) => canary.test(one));
    return line === undefined
      ? []
      : [
          {
            invariant: "no email and no name outside of the tables",
            detail: `${where}: ${line.slice(0, 500)}`,
          },
        ];
  });
}

/** Every row of our own schemas, as text. */
function dumpTables(stage: Stage, schemas: readonly string[]): Promise<[string, string][]> {
  return withClient(stage.databaseUrl, async (client) => {
    const tables = await client.query<{ name: string }>(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = any ($1)",
      [schemas],
    );
    const dumped: [string, string][] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
      dumped.push([name, rows.map(({ row }) => row).join("\n")]);
    }
    return dumped;
  });
}

/** Every key but the session cache's, which may hold personal data. */
async function dumpRedis(url: string): Promise<[string, string][]> {
  const redis = new Redis(url);
  try {
    const keys = (await redis.keys("*")).filter((key) => !key.startsWith("rollcall:session:"));
    return await Promise.all(
      keys.map(
        async (key): Promise<[string, string]> => [`Redis key ${key}`, `${key} ${await readKey(redis, key)}`],
      ),
    );
  } finally {
    redis.disconnect();
  }
}
