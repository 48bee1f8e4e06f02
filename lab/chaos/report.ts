import type { Plan } from "./plan/plan.ts";
import type { ChaosReport } from "./run-chaos.ts";
import { describeFault } from "./scenario/inject-fault.ts";

const longestList = 40;

function describePlace({ backend, shards, app, setup }: Plan): string {
  return [
    backend,
    ...(shards === 1 ? [] : [`${shards} shards`]),
    ...(setup === "single" ? [] : [`setup ${setup}`]),
    ...(app === "default" ? [] : [`mapping ${app}`]),
  ].join(", ");
}

/** One line about a run. */
export function describeRun(plan: Plan, report: ChaosReport, seconds: number): string {
  const { calls, accounts, acceptances } = report.ledger;
  const { injected, missed, losses } = report.faults;
  const isAccepted = (status: number | undefined) => status === 200;
  const count = (route: string, accepted: boolean) =>
    calls.filter((call) => call.route === route && isAccepted(call.status) === accepted).length;
  const parts = [
    `${plan.acts.length} events`,
    `${accounts.size} accounts`,
    `webhooks ${count("webhook", true)} accepted, ${count("webhook", false)} not`,
    `ensure calls ${count("ensure", true)} with 200, ${count("ensure", false)} without`,
    `${acceptances.length} sync jobs`,
    ...(report.ledger.teams.size > 0
      ? [`${report.ledger.teams.size} organizations with ${report.ledger.memberships.size} pairs`]
      : []),
    ...(report.linked > 0 ? [`${report.linked} profiles linked`] : []),
    ...(report.filled > 0 ? [`${report.filled} users filled`] : []),
    ...losses.map(({ changes }) => `${changes} changes lost by a failover`),
    `${injected} faults${missed.length > 0 ? ` (${missed.length} missed)` : ""}`,
  ];
  const verdict = report.violations.length === 0 ? "holds" : `BROKEN (${report.violations.length})`;
  const { safety, healing } = report.seconds;
  const crowding = report.crowding > 1 ? ` (machine overloaded ${report.crowding.toFixed(1)} times)` : "";
  const times = `safety ${safety.toFixed(1)} s, healing ${healing.toFixed(1)} s, all ${seconds.toFixed(1)} s${crowding}`;
  return `seed ${plan.seed} on ${describePlace(plan)}: ${verdict}; ${parts.join(", ")}; ${times}`;
}

/** All that helps to find the cause of a failed run. */
export function describeFailure(plan: Plan, report: ChaosReport, commit: string, folder: string): string[] {
  const [first] = report.violations;
  const clerkId = first?.clerkId;
  const history = clerkId === undefined ? [] : (report.ledger.histories.get(clerkId) ?? []);
  const indent = (lines: readonly string[]) => lines.map((line) => `    ${line}`);
  return [
    `  seed ${plan.seed}, ${plan.acts.length} events, backend ${plan.backend}, shards ${plan.shards}, mapping ${plan.app}, setup ${plan.setup}, commit ${commit}`,
    `  logs and data are kept in ${folder}`,
    `  first violation: ${first?.invariant}: ${clerkId ?? ""} ${first?.detail}`,
    ...(history.length > 0 ? [`  changes, requests and answers of ${clerkId}:`, ...indent(history)] : []),
    ...(report.timeline.length > 0 ? [`  timeline of ${clerkId}:`, ...indent(report.timeline)] : []),
    "  faults:",
    ...indent(plan.faults.map(describeFault)),
    ...indent(report.faults.missed.map((missed) => `missed: ${missed}`)),
    "  all violations:",
    ...indent(
      report.violations
        .slice(0, longestList)
        .map(({ invariant, clerkId: id, detail }) => `${invariant}: ${id ?? ""} ${detail}`),
    ),
  ];
}

/** Prints a line for each act and each fault, in the order of their times. */
export function printPlan(plan: Plan, say: (line: string) => void): void {
  const { seed, safetyMs, acts, residents, faults } = plan;
  say(
    `seed ${seed} on ${describePlace(plan)}: ${acts.length} events, ${residents} residents and ${faults.length} faults in ${safetyMs} ms`,
  );
  const lines = [
    ...acts.map(({ atMs, ...act }) => ({
      atMs,
      line: `${String(atMs).padStart(6)} ms  ${JSON.stringify(act)}`,
    })),
    ...faults.map((fault) => ({ atMs: fault.atMs, line: `${describeFault(fault)}  <-- fault` })),
  ];
  for (const { line } of lines.sort((a, b) => a.atMs - b.atMs)) say(line);
}
