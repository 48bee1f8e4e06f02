import { readEnvironment, variables } from "@rollcall/contracts";
import { createPool } from "@rollcall/db";
import { readDirection, UsageError } from "./arguments.ts";
import { describeFailure } from "./describe-failure.ts";
import { migrate } from "./migrate.ts";

const longestStatementMs = 10 * 60_000;

try {
  const direction = readDirection(process.argv.slice(2));
  const { DATABASE_URL } = readEnvironment({ DATABASE_URL: variables.DATABASE_URL }, process.env);
  const pool = createPool({
    databaseUrl: DATABASE_URL,
    applicationName: "rollcall-migrate",
    max: 2,
    queryTimeoutMs: longestStatementMs,
    onIdleError: () => undefined,
  });
  try {
    process.stdout.write(`${await migrate(pool, direction)}\n`);
  } finally {
    await pool.end();
  }
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
