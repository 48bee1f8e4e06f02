import { z } from "zod";
import { runCommand } from "../bench/command.ts";
import { type PartName, parts } from "./parts/parts.ts";
import { formatParts } from "./report/format-parts.ts";
import { fills } from "./rows/filled-database.ts";
import { runScale } from "./run-scale.ts";

// Object.keys is typed for objects that may have more keys than their type says; ours has not.
const names = Object.keys(parts) as [PartName, ...PartName[]];
const usage = `npm run scale -- [--part NAME]… [--users N] [--fill sweep|series] [--json]
  --part    one of ${names.join(", ")}; may be given more than once. All by default
  --users   rows for tables, statements and growth: 1000 to 20000000, 100000 by default
  --fill    how those rows come to be: by a worker's first sweep, or by generate_series.
            sweep by default up to a million users, series above
  --json    one JSON document on standard output
A million users take some three gigabytes below the temporary folder while it runs. docs/SCALE.md says what came of it.
`;

const mostSwept = 1_000_000;

const options = z
  .object({
    part: z.array(z.enum(names)).default(names),
    users: z.coerce.number().int().min(1_000).max(20_000_000).default(100_000),
    fill: z.enum(fills).optional(),
    json: z.boolean().default(false),
  })
  .transform(({ fill, ...rest }) => ({
    ...rest,
    fill: fill ?? (rest.users > mostSwept ? "series" : "sweep"),
  }));

const text = { type: "string" } as const;

process.exitCode = await runCommand(
  {
    usage,
    flags: { part: { ...text, multiple: true }, users: text, fill: text, json: { type: "boolean" } },
    options,
    measure: async ({ part: chosen, users, fill }, surroundings) => {
      const reports = await runScale({ names: chosen, users, fill, ...surroundings });
      return { figures: { users, fill, parts: reports }, text: formatParts(reports) };
    },
  },
  process.env["PATH"],
);
