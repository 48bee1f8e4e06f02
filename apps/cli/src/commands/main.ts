import { CommanderError } from "@commander-js/extra-typings";
import { listSecrets } from "@rollcall/contracts";
import { createRedactor } from "@rollcall/observability";
import { createCli, exitCodes, explainFailure } from "../cli.ts";
import { readCommandEnvironment } from "../command-environment.ts";
import { afterOutput, say } from "../print.ts";
import { addAlerts } from "./alerts/alerts.ts";
import { addClerk } from "./clerk/clerk.ts";
import { addConflicts } from "./conflicts/conflicts.ts";
import { addDeadLetters } from "./dead-letters/dead-letters.ts";
import { addDoctor } from "./doctor/doctor.ts";
import { addExplain } from "./explain/explain.ts";
import { addInit } from "./init/init.ts";
import { addOperator } from "./operator/operator.ts";
import { addOrgs } from "./orgs/orgs.ts";
import { addProcesses } from "./processes/processes.ts";
import { addPurge } from "./purge/purge.ts";
import { addReconcile } from "./reconcile/reconcile.ts";
import { addRoles } from "./roles/roles.ts";
import { addRuns } from "./runs/runs.ts";
import { addSchema } from "./schema/schema.ts";
import { addStatus } from "./status/status.ts";
import { addSync } from "./sync/sync.ts";
import { addUsers } from "./users/users.ts";

const cli = createCli(() => readCommandEnvironment(process.env, say));
// In the order of the usage.
addProcesses(cli, "Processes:");
for (const add of [addStatus, addAlerts, addDoctor, addClerk, addInit, addSchema, addRoles, addOperator])
  add(cli, "System:");
for (const add of [addUsers, addOrgs, addExplain, addSync, addPurge]) add(cli, "Users and organizations:");
for (const add of [addDeadLetters, addConflicts]) add(cli, "Failed jobs and conflicts:");
for (const add of [addReconcile, addRuns]) add(cli, "Reconcile:");
cli.program.addHelpText(
  "after",
  `
Options of a command: rollcall <command> --help

Environment, as for the worker: DATABASE_URL, ROLLCALL_CONFIG, REDIS_URL, QUEUE_SHARDS,
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
