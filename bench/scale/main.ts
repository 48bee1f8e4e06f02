import { platform } from "node:os";
import { parseArgs } from "node:util";
import { findRedisServer } from "@rollcall/sandbox";
import { z } from "zod";
import { describeMachine, formatMachine } from "../report/machine.ts";
import { root } from "../stage/services.ts";
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

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => interruption.abort(new Error("Interrupted")));

process.exitCode = await main();

/** @returns the exit code: 2 for wrong usage, 1 when something broke */
async function main(): Promise<number> {
  const chosen = readOptions();
  if (chosen === undefined) return 2;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const refuse = (sentence: string) => {
    say(sentence);
    return 1;
  };
  const redisBinary = findRedisServer(process.env["PATH"]);
  if (platform() !== "linux") return refuse("The study reads CPU times from /proc: it runs on Linux alone.");
  if (redisBinary === undefined) return refuse("The study needs redis-server or valkey-server on PATH.");
  try {
    const machine = await describeMachine(root, redisBinary);
    const { part: names, users, fill, json } = chosen;
    const reports = await runScale({ names, users, fill, redisBinary, signal: interruption.signal, say });
    process.stdout.write(
      json
        ? `${JSON.stringify({ machine, users, fill, parts: reports }, undefined, 2)}\n`
        : `${formatMachine(machine)}\n${formatParts(reports)}`,
    );
    return 0;
  } catch (error) {
    return refuse(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function readOptions(): z.infer<typeof options> | undefined {
  const text = { type: "string" } as const;
  try {
    const { values } = parseArgs({
      options: { part: { ...text, multiple: true }, users: text, fill: text, json: { type: "boolean" } },
    });
    const read = options.safeParse(values);
    if (read.success) return read.data;
    process.stderr.write(`${z.prettifyError(read.error)}\n\n${usage}`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
  return undefined;
}
