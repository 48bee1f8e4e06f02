import { readRebuiltSizes } from "../measure/rebuilt-sizes.ts";
import { type RelationSize, readSizes } from "../measure/relation-sizes.ts";
import { type Cell, sumOf } from "../report/part-report.ts";
import type { ScalePart } from "./part.ts";

const gb = 1_024 ** 3;
const schemas = ["public", "rollcall"];
/** What is smaller does not grow with the number of users. */
const fewestBytes = 128 * 1_024;

/** What tables and indexes take for each user, as they grew and rebuilt, and what that is for more of them. */
export const tablesPart: ScalePart = async ({ filled, say }) => {
  const { databaseUrl, users, fill, seconds } = await filled();
  const grown = await readSizes(databaseUrl, schemas);
  say("Building the indexes anew");
  const rebuilt =
    fill === "sweep" ? await readRebuiltSizes(databaseUrl, schemas) : { sizes: grown, seconds: Number.NaN };
  const rows = grown
    .filter(({ bytes }) => bytes >= fewestBytes)
    .map((relation): Cell[] => {
      const { name, kind, bytes } = relation;
      const packed = rebuilt.sizes.find((one) => one.name === name)?.bytes ?? bytes;
      const gbOf = (count: number) => ((bytes / users) * count) / gb;
      return [name, kind, bytes / users, packed / users, depthOf(relation), gbOf(1e7), gbOf(1e8)];
    });
  const how =
    fill === "sweep"
      ? `Rebuilding all indexes took ${Math.round(rebuilt.seconds)} s.`
      : "All are built anew.";
  return {
    tables: [
      {
        title: `Tables of ${users} users, filled by ${fill} in ${Math.round(seconds)} s`,
        columns: ["", "kind", "bytes a user", "rebuilt", "depth", "GB of 10 M", "GB of 100 M"],
        rows: [...rows, ["all", "", sumOf(rows, 2), sumOf(rows, 3), null, sumOf(rows, 5), sumOf(rows, 6)]],
        notes: [
          `What is smaller than ${fewestBytes / 1_024} KB is left out. GB are the bytes a user times so many users.`,
          `${how} Depth: pages from the root of a B-tree to a leaf, both included.`,
        ],
      },
    ],
  };
};

function depthOf({ level }: RelationSize): number | null {
  return level === null ? null : level + 1;
}
