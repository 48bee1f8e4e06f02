import { EnvironmentError, readEnvironment, variables } from "@rollcall/contracts";
import { createPool, migrateDown, migrateUp } from "@rollcall/db";
import { migrateQueues } from "@rollcall/jobs";

const longestStatementMs = 10 * 60_000;

async function migrate(databaseUrl: string, down: boolean): Promise<string> {
  const pool = createPool({
    databaseUrl,
    applicationName: "rollcall-migrate",
    max: 1,
    queryTimeoutMs: longestStatementMs,
    onIdleError: () => undefined,
  });
  try {
    if (down) {
      const taken = await migrateDown(pool);
      return taken ? `Took back ${taken}` : "There is no migration to take back";
    }
    const applied = await migrateUp(pool);
    await migrateQueues(pool);
    return applied.length > 0 ? `Applied ${applied.join(", ")}` : "Nothing to apply";
  } finally {
    await pool.end();
  }
}

try {
  const { DATABASE_URL } = readEnvironment({ DATABASE_URL: variables.DATABASE_URL }, process.env);
  process.stdout.write(`${await migrate(DATABASE_URL, process.argv.includes("--down"))}\n`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `${error instanceof EnvironmentError ? message : `Migration failed, nothing was changed: ${message}`}\n`,
  );
  process.exitCode = 1;
}
