import type { RunCounts, RunDifference, RunView } from "@rollcall/contracts";
import { formatNumber, formatTable } from "../../print.ts";

/** A run as text: its state or end, its outcomes, and what an operator can do next. */
export function describeRun(run: RunView): string[] {
  const advice = adviseOn(run);
  return [describeEnd(run), ...describeOutcomes(run), ...(advice.length > 0 ? ["", ...advice] : [])];
}

/** The users that a dry run would delete or hold, or could not write; `named` may be the first of them. */
export function describeNamed({ counts }: RunView, named: readonly RunDifference[]): string[] {
  if (named.length === 0) return [];
  const rest = counts.deleted + counts.held + counts.failed - named.length;
  return [
    "",
    ...formatTable(
      named.map(({ clerkOrgId, clerkId, kind, code }) => [
        [clerkOrgId, clerkId].filter(Boolean).join(" "),
        kind,
        code ?? "",
      ]),
    ),
    ...(rest > 0 ? [`and ${formatNumber(rest)} more, on the page of the run in the console`] : []),
  ];
}

function describeOutcomes({ dryRun, state, counts }: RunView): string[] {
  if (dryRun && (state === "failed" || state === "cancelled"))
    return ["Nothing was written. The dry run ended before it had a result."];
  return [
    ...(dryRun && (state === "succeeded" || state === "held")
      ? ["Nothing was written. The result of a real run now would be:"]
      : []),
    "",
    ...formatTable(Object.entries(counts)),
  ];
}

function describeEnd(run: RunView): string {
  const { state, reason, errorCode, startedBy } = run;
  const name = nameRun(run);
  const seen = `${formatNumber(run.seen)}${run.total === null ? "" : ` of ${formatNumber(run.total)}`} users`;
  switch (state) {
    case "waiting":
      return `${name} waits for a process to run it. Requested by ${startedBy}.`;
    case "running":
      return `${name} is running: ${seen} so far. Started by ${startedBy}.`;
    case "succeeded":
      return `${name} is done: ${formatNumber(run.seen)} users${describeSpeed(run)}.`;
    case "held":
      return `${name} has compared every user, and holds deletions: ${formatNumber(run.seen)} users${describeSpeed(run)}.`;
    case "failed":
      return `${name} failed: ${reason ?? "no reason was recorded"} (${errorCode ?? "internal"}).`;
    case "cancelled":
      return `${name} was stopped after ${seen}. ${reason ?? ""}`.trimEnd();
    default:
      return state satisfies never;
  }
}

function describeSpeed(run: RunView): string {
  const ms = tookMs(run);
  if (ms === undefined) return "";
  const speed = ms < 1_000 ? "" : `, ${formatNumber(Math.round((run.seen * 1_000) / ms))} a second`;
  return ` in ${formatDuration(ms)}${speed}`;
}

function adviseOn(run: RunView): string[] {
  const { id, counts, missed, confirmedBy } = run;
  const sentences = [
    missed > 0 && `${formatNumber(missed)} of the changes are old enough that a webhook should have come.`,
    counts.failed > 0 &&
      `${formatNumber(counts.failed)} could not be read or written; the next run tries them again.`,
    confirmedBy !== null && `${confirmedBy} confirmed the deletions that this run held.`,
    ...adviseOnState(run),
    run.finishedAt === null && `To follow it: ${commandFor(run)}. To stop it: rollcall runs cancel ${id}`,
  ];
  return sentences.filter((sentence) => sentence !== false);
}

function adviseOnState({ id, mode, state, dryRun, counts, confirmedBy }: RunView): string[] {
  const held = formatNumber(counts.held);
  if (state === "failed") {
    return [
      "No user was deleted. The code is explained in docs/RUNBOOK.md",
      `To run it again: ${commandFor({ mode, dryRun })}`,
    ];
  }
  if (state !== "held") return [];
  if (confirmedBy !== null) {
    return [
      `${held} are still held. If no process is deleting them now, this command says why:`,
      `rollcall reconcile --confirm-deletions ${id}`,
    ];
  }
  return [
    `${held} users are missing at Clerk all at once. The key of another Clerk instance has the same effect, so no user was deleted.`,
    ...(dryRun
      ? []
      : [
          "Look up some of them in Clerk's dashboard: select clerk_id from rollcall.held_deletions",
          `If they are gone, confirm: rollcall reconcile --confirm-deletions ${id}`,
        ]),
  ];
}

/** E.g. `Full dry run 12`. */
export function nameRun({ id, mode, dryRun }: Pick<RunView, "id" | "mode" | "dryRun">): string {
  if (mode === "catch-up") return dryRun ? `Catch-up dry run ${id}` : `Catch-up ${id}`;
  return dryRun ? `Full dry run ${id}` : `Full sync ${id}`;
}

/** The command line that requests a run like this one. */
export function commandFor({ mode, dryRun }: Pick<RunView, "mode" | "dryRun">): string {
  const options = [mode === "catch-up" ? " --catch-up" : "", dryRun ? " --dry-run" : ""];
  return `rollcall reconcile${options.join("")}`;
}

export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** How long a run took; undefined before its end, or if no process started it. */
export function tookMs({
  startedAt,
  finishedAt,
}: Pick<RunView, "startedAt" | "finishedAt">): number | undefined {
  if (startedAt === null || finishedAt === null) return undefined;
  return Date.parse(finishedAt) - Date.parse(startedAt);
}

/** The outcomes that are not zero, e.g. `created 3, unchanged 1,200`. */
export function formatCounts(counts: RunCounts): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${outcome} ${formatNumber(count)}`)
    .join(", ");
}
