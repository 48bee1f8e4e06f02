import type { Command } from "./command.ts";
import { commands } from "./commands.ts";

const commonOptions = [
  ["--json", "one JSON document on standard output and nothing else"],
  ["--help", "this text"],
] as const;

/** Of one command, or of all. */
export function printUsage(command: Command | undefined): string {
  return command ? printCommand(command) : printCommands();
}

function printCommand({ synopsis, summary, optionHelp = [] }: Command): string {
  return `Usage: rollcall ${synopsis} [options]

${summary}

Options
${table([...optionHelp, ...commonOptions])}

Every command: rollcall --help
`;
}

function printCommands(): string {
  const synopses = Object.values(commands).map(({ synopsis, summary }) => [synopsis, summary] as const);
  const options = Object.entries(commands).flatMap(([name, { optionHelp = [] }]) =>
    optionHelp.map(([option, text]) => [option, `${name}: ${text}`] as const),
  );
  return `Usage: rollcall <command> [options]

${table(synopses)}

Options
${table([...options, ...commonOptions])}

Configured by the environment, as the worker is: DATABASE_URL, REDIS_URL, CLERK_SECRET_KEY, CLERK_API_URL,
CLERK_RATE_BUDGET, ENABLE_AUTO_CREATE, DEFAULT_TURMA, DEFAULT_NOME, SESSION_CACHE_TTL_S, APP_SESSION_KEY.
`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`).join("\n");
}
