import { platform } from "node:os";
import { parseArgs } from "node:util";
import { findRedisServer } from "@rollcall/sandbox";
import { z } from "zod";
import { type CaseName, cases, onRequest } from "./cases/cases.ts";
import { describeMachine, formatMachine } from "./report/machine.ts";
import { formatReports } from "./report/table.ts";
import { runBench } from "./run-bench.ts";
import { root } from "./stage/services.ts";

// Object.keys is typed for objects that may have more keys than their type says; ours has not.
const names = Object.keys(cases) as [CaseName, ...CaseName[]];
const usage = `npm run bench -- [--case NAME]… [--backend redis|postgres] [--quick] [--json] [--profile DIR]
  --case      one of ${names.join(", ")}; may be given more than once. All but ${onRequest.join(", ")} by default
  --backend   where queues live; both by default, where it makes a difference
  --quick     smaller samples, three minutes in all
  --json      one JSON document on standard output
  --profile   keeps a CPU profile of each measured process in this folder
Only CPU time is comparable between machines and days: see bench/RESULTS.md.
`;

const options = z.object({
  case: z.array(z.enum(names)).default(names.filter((name) => !onRequest.includes(name))),
  backend: z
    .enum(["redis", "postgres"])
    .transform((one) => [one])
    .default(["redis", "postgres"]),
  quick: z.boolean().default(false),
  json: z.boolean().default(false),
  profile: z.string().optional(),
});

const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => interruption.abort(new Error("Interrupted")));

process.exitCode = await main();

/** @returns the exit code: 2 for wrong usage, 1 when something broke; a limit that is not reached is no failure */
async function main(): Promise<number> {
  const chosen = readOptions();
  if (chosen === undefined) return 2;
  const redisBinary = findRedisServer(process.env["PATH"]);
  if (platform() !== "linux") return refuse("The bench reads CPU times from /proc: it runs on Linux alone.");
  if (redisBinary === undefined) return refuse("The bench needs redis-server or valkey-server on PATH.");
  const say = (line: string) => process.stderr.write(`${line}\n`);
  try {
    const machine = await describeMachine(root, redisBinary);
    const { case: caseNames, backend: backends, quick, json, profile: profileDir } = chosen;
    const { signal } = interruption;
    const reports = await runBench({
      names: caseNames,
      backends,
      quick,
      redisBinary,
      profileDir,
      signal,
      say,
    });
    process.stdout.write(
      json
        ? `${JSON.stringify({ machine, quick, cases: reports }, undefined, 2)}\n`
        : `${formatMachine(machine)}\n${formatReports(reports)}`,
    );
    return 0;
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  }
}

function readOptions(): z.infer<typeof options> | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    const { values } = parseArgs({
      options: { case: { ...text, multiple: true }, backend: text, quick: flag, json: flag, profile: text },
    });
    const read = options.safeParse(values);
    if (read.success) return read.data;
    process.stderr.write(`${z.prettifyError(read.error)}\n\n${usage}`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
  return undefined;
}

function refuse(sentence: string): number {
  process.stderr.write(`${sentence}\n`);
  return 1;
}
