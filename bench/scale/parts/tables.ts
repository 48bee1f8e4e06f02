import { withClient } from "../../../tests/chaos/stage/with-client.ts";
import { type RelationSize, readSizes } from "../measure/relation-sizes.ts";
import type { Cell } from "../report/part-report.ts";
import type { ScalePart } from "./part.ts";

const gb = 1_024 ** 3;
const schemas = ["public", "rollcall"];
/** Below it, a table does not grow with the number of users. */
const fewestBytes = 0.5;

/** What tables and indexes take for each user, as they grew and rebuilt, and what that is for more of them. */
export const tablesPart: ScalePart = async ({ filled, say }) => {
  const { databaseUrl, users, fill, seconds } = await filled();
  const grown = await readSizes(databaseUrl, schemas);
  say("Building the indexes anew");
  const tables = [...new Set(grown.map(({ table, name }) => `${name.split(".")[0]}.${table}`))];
  const startedAtMs = Date.now();
  await withClient(databaseUrl, async (db) => {
    await db.query("set maintenance_work_mem = '1GB'");
    for (const table of tables) await db.query(`reindex table ${table}`);
  });
  const reindexS = Math.round((Date.now() - startedAtMs) / 1_000);
  const packed = await readSizes(databaseUrl, schemas);
  const counted = grown.filter(({ bytes }) => bytes / users >= fewestBytes);
  const rows = counted.map((relation): Cell[] => {
    const each = relation.bytes / users;
    const tight = packed.find(({ name }) => name === relation.name)?.bytes ?? relation.bytes;
    const of = (count: number) => (each * count) / gb;
    return [relation.name, relation.kind, each, tight / users, depthOf(relation), of(1e7), of(1e8)];
  });
  const total = (pick: (row: readonly Cell[]) => Cell | undefined) =>
    rows.reduce((sum, row) => sum + Number(pick(row) ?? 0), 0);
  return {
    tables: [
      {
        title: `Tables of ${users} users, filled by ${fill} in ${Math.round(seconds)} s`,
        columns: ["", "kind", "bytes a user", "rebuilt", "depth", "GB of 10 M", "GB of 100 M"],
        rows: [
          ...rows,
          [
            "all",
            "",
            total((row) => row[2]),
            total((row) => row[3]),
            null,
            total((row) => row[5]),
            total((row) => row[6]),
          ],
        ],
        notes: [
          `Tables below ${fewestBytes} bytes a user are left out. GB are the bytes a user times so many users.`,
          `Rebuilding all indexes took ${reindexS} s. Depth: pages from the root of a B-tree to a leaf, both included.`,
        ],
      },
    ],
  };
};

function depthOf({ level }: RelationSize): number | null {
  return level === null ? null : level + 1;
}
