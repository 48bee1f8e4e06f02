import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { CommanderError } from "@commander-js/extra-typings";
import { listSecrets } from "@rollcall/contracts";
import { createRedactor } from "@rollcall/observability";
import { createCli, type Environment, exitCodes, explainFailure } from "./cli.ts";
import { joinEnvironments } from "./command-environment.ts";
import { addAlerts } from "./commands/alerts/alerts.ts";
import { addClerk } from "./commands/clerk/clerk.ts";
import { addConflicts } from "./commands/conflicts/conflicts.ts";
import { addDeadLetters } from "./commands/dead-letters/dead-letters.ts";
import { addDoctor } from "./commands/doctor/doctor.ts";
import { addExplain } from "./commands/explain/explain.ts";
import { addInit } from "./commands/init/init.ts";
import { addOperator } from "./commands/operator/operator.ts";
import { addPurge } from "./commands/purge/purge.ts";
import { addReconcile } from "./commands/reconcile/reconcile.ts";
import { addRoles } from "./commands/roles/roles.ts";
import { addRuns } from "./commands/runs/runs.ts";
import { addSchema } from "./commands/schema/schema.ts";
import { addStatus } from "./commands/status/status.ts";
import { addSync } from "./commands/sync/sync.ts";
import { addUsers } from "./commands/users/users.ts";
import { afterOutput, say } from "./print.ts";

/** Without DATABASE_URL, a command works on the system that `npm start` runs in this folder. */
function readCommandEnvironment(): Environment {
  if (process.env["DATABASE_URL"]) return process.env;
  const file = join(process.env["ROLLCALL_DIR"] ?? ".rollcall", "environment");
  try {
    const found = parseEnv(readFileSync(file, "utf8"));
    say(`Using the system that npm start runs here (${file})`);
    return joinEnvironments(found, process.env);
  } catch {
    return process.env;
  }
}

const cli = createCli(readCommandEnvironment);
// In the order of the usage.
for (const add of [addStatus, addAlerts, addDoctor, addClerk, addInit, addSchema, addRoles, addOperator])
  add(cli, "System:");
for (const add of [addUsers, addExplain, addSync, addPurge]) add(cli, "Users:");
for (const add of [addDeadLetters, addConflicts]) add(cli, "Failed jobs and conflicts:");
for (const add of [addReconcile, addRuns]) add(cli, "Reconcile:");
cli.program.addHelpText(
  "after",
  `
Options of a command: rollcall <command> --help

Environment, as for the worker: DATABASE_URL, ROLLCALL_CONFIG, REDIS_URL,
CLERK_SECRET_KEY, CLERK_API_URL, CLERK_RATE_BUDGET, RECONCILE_CONCURRENCY, ENABLE_AUTO_CREATE,
DEFAULT_TURMA, DEFAULT_NOME, SESSION_CACHE_TTL_S, APP_SESSION_KEY`,
);

// A reader such as `head` may close the pipe before the end of the output.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await cli.program.parseAsync();
} catch (error) {
  // Commander has printed its message or the usage. Exit code 0 means --help.
  if (error instanceof CommanderError)
    process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  else {
    const redact = createRedactor(listSecrets(process.env));
    say(redact(explainFailure(error)).trimEnd());
    process.exitCode = exitCodes.failed;
  }
} finally {
  await cli.close();
  if (cli.hasLeftRequest()) afterOutput(() => process.exit());
}
