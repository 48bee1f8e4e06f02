import { readEnvironment, variables } from "@rollcall/contracts";
import { createPool } from "@rollcall/db";
import { type Direction, readWish, UsageError, usage } from "./arguments.ts";
import { describeFailure } from "./describe-failure.ts";
import { migrate } from "./migrate.ts";

const longestStatementMs = 10 * 60_000;

async function run(direction: Direction): Promise<string> {
  const { DATABASE_URL } = readEnvironment({ DATABASE_URL: variables.DATABASE_URL }, process.env);
  const pool = createPool({
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

try {
  const wish = readWish(process.argv.slice(2));
  process.stdout.write(`${wish === "help" ? usage : await run(wish)}\n`);
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
