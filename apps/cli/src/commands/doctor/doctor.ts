import { type Cli, type Environment, exitCodes, jsonOption } from "../../cli.ts";
import { formatTable } from "../../print.ts";
import { checkBackend } from "./check-backend.ts";
import { checkClerk } from "./check-clerk.ts";
import { checkConnections } from "./check-connections.ts";
import { checkEnvironment, checkWebhookSecret } from "./check-environment.ts";
import { checkAlertAddress, checkLogins } from "./check-logins.ts";
import { checkPostgres } from "./check-postgres.ts";
import { checkRedis } from "./check-redis.ts";
import type { Finding } from "./finding.ts";

export function addDoctor(cli: Cli, group: string): void {
  const { program, readEnvironment, print } = cli;
  program
    .command("doctor")
    .helpGroup(group)
    .addOption(jsonOption)
    .description("check environment, Clerk, Postgres and Redis; print a fix for each fault")
    .action(async () => {
      const findings = await examine(readEnvironment(), cli);
      const faults = findings.filter(({ state }) => state === "wrong");
      print({ ok: faults.length === 0, findings }, () => describe(findings, faults));
      if (faults.length > 0) process.exitCode = exitCodes.failed;
    });
}

/** Runs every check, also after one has failed. It writes one row and one key that hold nothing, and shows no value of the
 * environment. */
async function examine(environment: Environment, cli: Pick<Cli, "leaveRequest">): Promise<Finding[]> {
  const [clerk, postgres, redis, backend] = await Promise.all([
    checkClerk(environment, cli),
    checkPostgres(environment),
    checkRedis(environment),
    checkBackend(environment),
  ]);
  const connections = await checkConnections(environment);
  return [
    ...checkEnvironment(environment),
    checkWebhookSecret(environment),
    ...checkLogins(environment),
    checkAlertAddress(environment),
    ...clerk,
    ...postgres,
    ...connections,
    ...redis,
    ...backend,
  ];
}

function describe(findings: readonly Finding[], faults: readonly Finding[]): string[] {
  const labels = { ok: "ok", note: "note", unknown: "?", wrong: "WRONG" } as const;
  const rows = findings.map(({ name, state, says }) => [labels[state], name, says]);
  const fixes = faults.flatMap(({ name, mend }) => (mend ? [[name, mend]] : []));
  return [
    ...formatTable(rows),
    "",
    ...(faults.length === 0 ? ["Nothing is wrong."] : [`${faults.length} to fix:`, ...formatTable(fixes)]),
  ];
}
