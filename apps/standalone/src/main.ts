import { relative, resolve } from "node:path";
import { EnvironmentError, toPrintable, toPrintableLines } from "@rollcall/contracts";
import { createPartStack } from "./parts/part.ts";
import { emptyUnknownUsers } from "./parts/unknown-users.ts";
import { places } from "./places.ts";
import { run } from "./run.ts";
import { readNamedEnvironment, readSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";
import { createTerminal } from "./terminal/terminal.ts";

const parts = createPartStack();
const stopping = new AbortController();
const colourful = process.stdout.isTTY && !process.env["NO_COLOR"];
const terminal = createTerminal((text) => process.stdout.write(text), colourful);

/** Under npm one Ctrl-C arrives twice: from the terminal and from npm. Two presses are further apart. */
const samePressMs = 500;
let interruptedAtMs = 0;

function stop(why: string): void {
  if (interruptedAtMs > 0 && Date.now() - interruptedAtMs < samePressMs) return;
  if (stopping.signal.aborted) {
    parts.killAll();
    process.exit(130);
  }
  interruptedAtMs = Date.now();
  stopping.abort();
  terminal.write(`\n${why}: stopping everything. A second Ctrl-C stops at once.`);
}

process.on("SIGINT", () => stop("Ctrl-C"));
process.on("SIGTERM", () => stop("SIGTERM"));
// The terminal was closed. Output is lost from here on, but the parts are still stopped in order.
process.on("SIGHUP", () => stop("The terminal was closed"));
process.stdout.on("error", () => stopping.abort());
process.stderr.on("error", () => undefined);

const options = ["--fresh", emptyUnknownUsers] as const;

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.filter((arg) => !options.some((option) => option === arg));
  if (unknown.length > 0) {
    const usage = options.map((option) => places.commandWith(option)).join("\n");
    throw new StartError(`Unknown: ${unknown.join(" ")}. The options are:\n${usage}`);
  }
  const named = readNamedEnvironment(places.environmentFile, process.env);
  const settings = readSettings(named, { hasExample: places.programs.example !== undefined });
  const dir = resolve(settings.dir ?? ".rollcall");
  await run({
    settings,
    named,
    dir,
    shownDir: showPath(dir),
    fresh: args.includes("--fresh"),
    emptiesUnknownUsers: args.includes(emptyUnknownUsers),
    terminal,
    parts,
    signal: stopping.signal,
  });
}

/** Relative below the current folder, absolute elsewhere. */
function showPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

let exitCode = 0;
try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!stopping.signal.aborted) {
    exitCode = 1;
    process.stderr.write(`\n${toPrintableLines(explain(error))}\n`);
  }
}
// From here on, Ctrl-C ends everything at once.
stopping.abort();
for (const problem of await parts.stopAll())
  process.stderr.write(`Not stopped in order: ${toPrintable(problem)}\n`);
if (exitCode === 0) terminal.write("Stopped");
process.exit(exitCode);

function explain(error: unknown): string {
  if (error instanceof StartError || error instanceof EnvironmentError) return error.message;
  return error instanceof Error ? `Rollcall did not start: ${error.message}` : String(error);
}
