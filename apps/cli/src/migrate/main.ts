import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  EnvironmentError,
  mappingFileName,
  readEnvironment,
  toPrintableLines,
  unnamedMapping,
  variables,
} from "@rollcall/contracts";
import { createPool, MigrationRefusal, readSqlState, toPostgresError } from "@rollcall/db";
import { loadMapping } from "@rollcall/runtime";
import { describePostgresFailure } from "../describe-postgres-failure.ts";
import {
  type Direction,
  migrate,
  QueueMigrationError,
  UnfitServerError,
  UnrestoredError,
} from "./migrate.ts";

const usage = `Usage: rollcall migrate         apply the missing migrations, and restore what the app's schema lost
       rollcall migrate --down  revert the last migration; the app's tables and data stay`;

class UsageError extends Error {
  override readonly name = "UsageError";
}

const longestStatementMs = 10 * 60_000;

/** @throws UsageError for anything except `--down`, `--help` or no argument */
function readArguments(args: readonly string[]): Direction | "help" {
  const flag = { type: "boolean" } as const;
  try {
    const { values } = parseArgs({ args: [...args], options: { down: flag, help: flag } });
    if (values.help) return "help";
    return values.down ? "down" : "up";
  } catch {
    // The message does not repeat the argument, which may be a URL with its password.
    throw new UsageError(usage);
  }
}

async function run(direction: Direction): Promise<string> {
  const shape = { DATABASE_URL: variables.DATABASE_URL, ROLLCALL_CONFIG: variables.ROLLCALL_CONFIG };
  const { DATABASE_URL, ROLLCALL_CONFIG } = readEnvironment(shape, process.env);
  // The other programs act on the tables that are here. This one would make the default ones.
  if (ROLLCALL_CONFIG === undefined && existsSync(mappingFileName))
    throw new EnvironmentError([unnamedMapping]);
  const mapping = loadMapping(ROLLCALL_CONFIG);
  const pool = createPool({
    mapping,
    checksMapping: false,
    databaseUrl: DATABASE_URL,
    applicationName: "rollcall-migrate",
    max: 2,
    queryTimeoutMs: longestStatementMs,
    onIdleError: () => undefined,
  });
  try {
    return await migrate(pool, direction);
  } finally {
    await pool.end();
  }
}

/** Never shows a value of the environment, nor a row. */
function describeFailure(error: unknown): string {
  if (
    error instanceof UsageError ||
    error instanceof EnvironmentError ||
    error instanceof MigrationRefusal ||
    error instanceof UnfitServerError ||
    error instanceof UnrestoredError
  ) {
    return error.message;
  }
  if (error instanceof QueueMigrationError) {
    return `Rollcall's own tables are migrated, BullMQ's are not. ${describePostgresFailure(toPostgresError(error.cause))}`;
  }
  // Without an answer from Postgres, a COMMIT may have arrived or not.
  return readSqlState(error) === undefined
    ? `Migration failed; it is safe to run it again. ${describePostgresFailure(error)}`
    : `Migration failed, nothing was changed. ${describePostgresFailure(error)}`;
}

try {
  const wanted = readArguments(process.argv.slice(2));
  process.stdout.write(`${toPrintableLines(wanted === "help" ? usage : await run(wanted))}\n`);
} catch (error) {
  process.stderr.write(`${toPrintableLines(describeFailure(error))}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
