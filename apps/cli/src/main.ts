import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, parseEnv } from "node:util";
import { AppError, EnvironmentError, errorTable } from "@rollcall/contracts";
import { type Command, type CommandInput, UsageError } from "./command.ts";
import { commands } from "./commands.ts";
import { type CliConfig, readCliConfig } from "./config.ts";
import { type CliContext, createCliContext } from "./context.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { printUsage } from "./usage.ts";

type Typed = {
  /** The first word. */
  name: string | undefined;
  command: Command | undefined;
  rest: readonly string[];
};

function findCommand(args: readonly string[]): Typed {
  const at = args.findIndex((arg) => !arg.startsWith("-"));
  const name = args[at];
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  return { name, command, rest: args.filter((_, index) => index !== at) };
}

async function run({ name, command, rest }: Typed): Promise<ExitCode> {
  const input = readInput(rest, command);
  if (input.options["help"] === true) {
    process.stdout.write(printUsage(command));
    return exitCodes.done;
  }
  if (name === undefined) throw new UsageError("");
  if (!command) throw new UsageError(`There is no command ${name}.`);
  const opened: CliContext[] = [];
  try {
    return await command.run(input, () => open(opened), readCommandEnvironment);
  } finally {
    await Promise.all(opened.map((context) => context.close()));
  }
}

function open(opened: CliContext[]): { config: CliConfig; context: CliContext } {
  const config = readCliConfig(readCommandEnvironment());
  const context = createCliContext(config);
  opened.push(context);
  return { config, context };
}

function readInput(args: readonly string[], command: Command | undefined): CommandInput {
  const common = { json: { type: "boolean" }, help: { type: "boolean" } } as const;
  try {
    const options = { ...command?.options, ...common };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const singles = readSingles(values);
    return { words: positionals, options: singles, json: singles["json"] === true };
  } catch (error) {
    // Behind its first sentence Node advises a `--`, which no command needs.
    const [sentence = ""] = error instanceof Error ? error.message.split(/(?<=\.) |\n/) : [];
    throw new UsageError(sentence);
  }
}

function readSingles(values: Readonly<Record<string, unknown>>): CommandInput["options"] {
  const singles = Object.entries(values).map(([name, value]) => [
    name,
    typeof value === "string" || typeof value === "boolean" ? value : undefined,
  ]);
  return Object.fromEntries(singles);
}

/** With no environment of its own, the command looks at what `npm start` runs in this folder. */
function readCommandEnvironment(): Readonly<Record<string, string | undefined>> {
  if (process.env["DATABASE_URL"]) return process.env;
  const file = join(process.env["ROLLCALL_DIR"] ?? ".rollcall", "environment");
  try {
    const found = parseEnv(readFileSync(file, "utf8"));
    process.stderr.write(`Looking at what npm start runs here (${file})\n`);
    return { ...found, ...process.env };
  } catch {
    return process.env;
  }
}

function explainFailure(error: unknown, command: Command | undefined): string {
  if (error instanceof UsageError) return [error.message, printUsage(command)].filter(Boolean).join("\n\n");
  if (error instanceof EnvironmentError) return error.message;
  if (error instanceof AppError) {
    const sentence = `${errorTable[error.code].title.en} (${error.code}: ${error.hint ?? error.message})`;
    return errorTable[error.code].status === 503 ? `${sentence}\nrollcall doctor finds out why.` : sentence;
  }
  return `It failed: ${error instanceof Error ? error.message : String(error)}`;
}

const typed = findCommand(process.argv.slice(2));
try {
  process.exitCode = await run(typed);
} catch (error) {
  process.stderr.write(`${explainFailure(error, typed.command).trimEnd()}\n`);
  process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}
