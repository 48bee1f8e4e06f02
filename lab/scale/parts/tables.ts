import { withClient } from "../../stage/postgres.ts";
import { type Cell, sumOf } from "../report.ts";
import { type RelationSize, readSizes } from "../rows/relation-sizes.ts";
import type { ScalePart } from "./part.ts";

const gb = 1_024 ** 3;
const schemas = ["public", "rollcall"];
/** Smaller relations do not grow with the number of users. */
const fewestBytes = 128 * 1_024;

/** The size of tables and indexes per user, as grown and as rebuilt, and extrapolated to more users. */
export const tablesPart: ScalePart = async ({ filled, say }) => {
  const { databaseUrl, users, fill, seconds } = await filled();
  const grown = await readSizes(databaseUrl, schemas);
  say("Rebuilding the indexes");
  const rebuilt =
    fill === "full-sync"
      ? await readRebuiltSizes(databaseUrl, schemas)
      : { sizes: grown, seconds: Number.NaN };
  const rows = grown
    .filter(({ bytes }) => bytes >= fewestBytes)
    .map((relation): Cell[] => {
      const { name, kind, bytes } = relation;
      const packed = rebuilt.sizes.find((one) => one.name === name)?.bytes ?? bytes;
      const gbOf = (count: number) => ((bytes / users) * count) / gb;
      return [name, kind, bytes / users, packed / users, depthOf(relation), gbOf(1e7), gbOf(1e8)];
    });
  const how =
    fill === "full-sync"
      ? `Rebuilding all indexes took ${Math.round(rebuilt.seconds)} s.`
      : "All are rebuilt.";
  return {
    tables: [
      {
        title: `Tables of ${users} users, filled by ${fill} in ${Math.round(seconds)} s`,
        columns: ["", "kind", "bytes a user", "rebuilt", "depth", "GB of 10 M", "GB of 100 M"],
        rows: [...rows, ["all", "", sumOf(rows, 2), sumOf(rows, 3), null, sumOf(rows, 5), sumOf(rows, 6)]],
        notes: [
          `Relations below ${fewestBytes / 1_024} KB are left out. GB are the bytes a user times the number of users.`,
          `${how} Depth: pages from the root of a B-tree to a leaf, both included.`,
        ],
      },
    ],
  };
};

function depthOf({ level }: RelationSize): number | null {
  return level === null ? null : level + 1;
}

/** Sizes of tables and indexes after a rebuild of all indexes. It uses a copy of the database, and drops it. */
async function readRebuiltSizes(
  databaseUrl: string,
  schemas: readonly string[],
): Promise<{ sizes: RelationSize[]; seconds: number }> {
  const [copied, server] = [new URL(databaseUrl), new URL(databaseUrl)];
  copied.pathname = `${copied.pathname}_rebuilt`;
  server.pathname = "/postgres";
  const run = (sql: string) => withClient(server.href, (db) => db.query(sql));
  const name = copied.pathname.slice(1);
  await run(`create database ${name} template ${databaseUrl.split("/").at(-1)} strategy file_copy`);
  try {
    const startedAtMs = Date.now();
    await withClient(copied.href, async (db) => {
      await db.query("set maintenance_work_mem = '512MB'");
      for (const schema of schemas) await db.query(`reindex schema ${schema}`);
    });
    const seconds = (Date.now() - startedAtMs) / 1_000;
    return { sizes: await readSizes(copied.href, schemas), seconds };
  } finally {
    await run(`drop database ${name}`);
  }
}
