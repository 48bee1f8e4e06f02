import { readFileSync } from "node:fs";
import { parseArgs, parseEnv } from "node:util";
import { EnvironmentError } from "@rollcall/contracts";
import { explainUser } from "@rollcall/sync";
import { readCliConfig } from "./config.ts";
import { createCliContext } from "./context.ts";
import { printReport } from "./explain.ts";

const usage = `Usage: rollcall <command> [options]

  explain <clerkId>   say why a user is, or is not, there

Options
  --json              one JSON document on standard output and nothing else
  --help              this text

Configured by the environment: DATABASE_URL, REDIS_URL, CLERK_SECRET_KEY, CLERK_API_URL, ENABLE_AUTO_CREATE.
`;

const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

async function run(args: readonly string[]): Promise<number> {
  const parsed = readArguments(args);
  if (!parsed) return failUsage("");
  if (parsed.help) {
    process.stdout.write(usage);
    return exitCodes.done;
  }
  const [command, clerkId, ...rest] = parsed.words;
  if (command !== "explain") return failUsage(command ? `There is no command ${command}.` : "");
  if (clerkId === undefined || rest.length > 0) return failUsage("explain takes one Clerk id.");
  return explain(clerkId, parsed.json);
}

function readArguments(args: readonly string[]) {
  try {
    const options = {
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { ...values, words: positionals };
  } catch {
    return undefined;
  }
}

function failUsage(problem: string): number {
  process.stderr.write(problem === "" ? usage : `${problem}\n\n${usage}`);
  return exitCodes.usage;
}

async function explain(clerkId: string, json: boolean): Promise<number> {
  const context = createCliContext(readCliConfig(readCommandEnvironment()));
  try {
    const report = await explainUser(context.explain, clerkId);
    if (json) process.stdout.write(`${JSON.stringify(report ?? null, null, 2)}\n`);
    else if (report) process.stdout.write(printReport(report));
    if (report) return exitCodes.done;
    process.stderr.write(`Neither Clerk nor Rollcall knows ${clerkId}.\n`);
    return exitCodes.failed;
  } finally {
    await context.close();
  }
}

/** With no environment of its own, the command looks at what `npm start` runs in this folder. */
function readCommandEnvironment(): Readonly<Record<string, string | undefined>> {
  if (process.env["DATABASE_URL"]) return process.env;
  try {
    const found = parseEnv(readFileSync(".rollcall/environment", "utf8"));
    process.stderr.write("Looking at what npm start runs here (.rollcall/environment)\n");
    return { ...found, ...process.env };
  } catch {
    return process.env;
  }
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof EnvironmentError ? message : `It failed: ${message}`}\n`);
  process.exitCode = exitCodes.failed;
}
