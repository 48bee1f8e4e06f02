import { describeFault } from "./perform/inject-fault.ts";
import type { Plan } from "./plan/plan.ts";
import type { ChaosReport } from "./run-chaos.ts";

const longestList = 40;

/** One line for a run. */
export function describeRun(plan: Plan, report: ChaosReport, seconds: number): string {
  const { calls, accounts, acceptances } = report.ledger;
  const count = (what: string, ok: (status: number | undefined) => boolean) =>
    calls.filter((call) => call.what === what && ok(call.status)).length;
  const parts = [
    `${plan.acts.length} events`,
    `${accounts.size} accounts`,
    `webhooks ${count("webhook", (status) => status === 200)} accepted, ${count("webhook", (status) => status !== 200)} not`,
    `ensures ${count("ensure", (status) => status === 200)} answered, ${count("ensure", (status) => status !== 200)} otherwise`,
    `${acceptances.length} syncJobs`,
    `${report.faultsInjected.struck} faults${report.faultsInjected.missed.length > 0 ? ` (${report.faultsInjected.missed.length} missed)` : ""}`,
  ];
  const verdict = report.violations.length === 0 ? "holds" : `BROKEN (${report.violations.length})`;
  const { safety, healing } = report.seconds;
  const times = `safety ${safety.toFixed(1)} s, healing ${healing.toFixed(1)} s, all ${seconds.toFixed(1)} s${report.crowding > 1 ? ` (machine ${report.crowding.toFixed(1)} times too full)` : ""}`;
  return `seed ${plan.seed} on ${plan.backend}: ${verdict}; ${parts.join(", ")}; ${times}`;
}

/** What somebody needs to find out why. */
export function describeFailure(plan: Plan, report: ChaosReport, commit: string, folder: string): string[] {
  const [first] = report.violations;
  const clerkId = first?.clerkId;
  const story = clerkId === undefined ? [] : (report.ledger.stories.get(clerkId) ?? []);
  return [
    `  seed ${plan.seed}, ${plan.acts.length} events, backend ${plan.backend}, commit ${commit}`,
    `  logs and data are kept in ${folder}`,
    `  first broken: ${first?.invariant}: ${clerkId ?? ""} ${first?.what}`,
    ...(story.length > 0 ? [`  what was done to ${clerkId}:`, ...story.map((line) => `    ${line}`)] : []),
    ...(report.timeline.length > 0
      ? ["  its timeline:", ...report.timeline.map((line) => `    ${line}`)]
      : []),
    "  faults:",
    ...plan.faults.map((fault) => `    ${describeFault(fault)}`),
    ...report.faultsInjected.missed.map((missed) => `    missed: ${missed}`),
    "  all that was broken:",
    ...report.violations
      .slice(0, longestList)
      .map(({ invariant, clerkId: id, what }) => `    ${invariant}: ${id ?? ""} ${what}`),
  ];
}
