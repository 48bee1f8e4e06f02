import type { Command } from "./command.ts";

const commonOptions = [
  ["--json", "one JSON document on standard output and nothing else"],
  ["--help", "this text"],
] as const;

export function printUsage(commands: Readonly<Record<string, Command>>): string {
  const all = Object.values(commands);
  const synopses = all.map((command) => [command.synopsis, command.summary] as const);
  const options = [...all.flatMap((command) => command.optionHelp ?? []), ...commonOptions];
  return `Usage: rollcall <command> [options]

${table(synopses)}

Options
${table(options)}

Configured by the environment, as the worker is: DATABASE_URL, REDIS_URL, CLERK_SECRET_KEY, CLERK_API_URL,
CLERK_RATE_BUDGET, ENABLE_AUTO_CREATE, DEFAULT_TURMA, DEFAULT_NOME, SESSION_CACHE_TTL_S, APP_SESSION_KEY.
`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`).join("\n");
}
