import type { SystemStatus } from "@rollcall/contracts";
import { readStatus } from "@rollcall/sync";
import { type Cli, jsonOption } from "../../cli.ts";
import { formatTable } from "../../print.ts";

export function addStatus({ program, open, print }: Cli, group: string): void {
  program
    .command("status")
    .helpGroup(group)
    .addOption(jsonOption)
    .description("list what needs attention, then the state of each service and the counts")
    .action(async () => {
      const { services, config } = open();
      const status = await readStatus(services);
      print(status, () => describe(status, config.ROLLCALL_CONFIG));
    });
}

/** @param mapping the file that names the app's tables, if there is one */
function describe(status: SystemStatus, mapping: string | undefined): string[] {
  const { problems, queue, clerk, missingMigrations, users } = status;
  const migrations = missingMigrations && (missingMigrations.join(", ") || "all applied");
  const facts = [
    ["Postgres", status.postgres],
    ["Queues", `${queue.state}, on ${queue.backend}`],
    ["Clerk", [clerk.state, clerk.users === null ? [] : `${clerk.users} users`].flat().join(", ")],
    ["Migrations", migrations ?? "unknown"],
    ["Schema", describeSchema(status.schemaProblems)],
    ...(mapping === undefined ? [] : [["Mapping", mapping]]),
    ["Workers", formatCount(status.workers)],
    ["Users", formatCount(users?.live)],
    ["Without profile", formatCount(users?.withoutProfile)],
    ["Banned", formatCount(users?.banned)],
    ["Deleted", formatCount(users?.deleted)],
    ...(users?.countedAt ? [["Counted at", users.countedAt]] : []),
    ["Logins, 15 minutes", describeLogins(status.logins)],
    ["Alerts", status.alertsFiring.join(", ") || "none is firing"],
    ["Dead letters", formatCount(status.deadLetters)],
    ["Conflicts", formatCount(status.conflictsOpen)],
    ["Deletions held", formatCount(status.deletionsHeld)],
  ];
  const runs = status.runs.map(({ mode, id, state, seen, finishedAt }) => [
    mode,
    String(id),
    state,
    seen,
    finishedAt ?? "",
  ]);
  const queues = status.queues.map(({ name, waiting, active, delayed, failed }) => [
    name,
    waiting,
    active,
    delayed,
    failed,
  ]);
  return [
    ...(problems.length === 0 ? ["Nothing needs attention."] : problems),
    "",
    ...formatTable(facts),
    ...(runs.length === 0 ? [] : ["", ...formatTable([["Run", "id", "state", "seen", "finished"], ...runs])]),
    ...(queues.length === 0
      ? []
      : ["", ...formatTable([["Queue", "waiting", "active", "delayed", "failed"], ...queues])]),
  ];
}

function describeSchema(problems: SystemStatus["schemaProblems"]): string {
  if (problems === null) return "unknown";
  return problems.length === 0 ? "whole" : `${problems.length} difference(s)`;
}

function describeLogins(logins: SystemStatus["logins"]): string {
  if (!logins) return "unknown";
  const refused = Object.values(logins.refused).reduce((total, times) => total + times, 0);
  return `${logins.answered}, ${refused} refused`;
}

function formatCount(count: number | null | undefined): string {
  return count === null || count === undefined ? "unknown" : String(count);
}
