import { z } from "zod";
import { runCommand } from "../stage/command.ts";
import { type PartName, parts } from "./parts/parts.ts";
import { formatParts } from "./report.ts";
import { fills } from "./rows/fill-database.ts";
import { runScale } from "./run-scale.ts";

// Object.keys is typed for objects with unknown further keys. This one has none.
const names = Object.keys(parts) as [PartName, ...PartName[]];
const usage = `npm run scale -- [--part NAME]… [--users N] [--fill full-sync|series] [--json]
  --part    one of ${names.join(", ")}; may be given more than once. All by default
  --users   rows for tables, statements and growth: 1000 to 20000000, 100000 by default
  --fill    how those rows are made: by a worker's first full sync, or by generate_series.
            full-sync by default up to a million users, series above
  --json    one JSON document on standard output
A million users take about 3 GB below the temporary folder during the run. docs/SCALE.md has the results.
`;

const mostByFullSync = 1_000_000;

const options = z
  .object({
    part: z.array(z.enum(names)).default(names),
    users: z.coerce.number().int().min(1_000).max(20_000_000).default(100_000),
    fill: z.enum(fills).optional(),
    json: z.boolean().default(false),
  })
  .transform(({ fill, ...rest }) => ({
    ...rest,
    fill: fill ?? (rest.users > mostByFullSync ? "series" : "full-sync"),
  }));

const text = { type: "string" } as const;

process.exitCode = await runCommand(
  {
    usage,
    flags: { part: { ...text, multiple: true }, users: text, fill: text, json: { type: "boolean" } },
    options,
    measure: async ({ part: chosen, users, fill }, environment) => {
      const reports = await runScale({ names: chosen, users, fill, ...environment });
      return { json: { users, fill, parts: reports }, text: formatParts(reports) };
    },
  },
  process.env["PATH"],
);
