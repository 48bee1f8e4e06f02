import type { RunView } from "@rollcall/contracts";
import { commandFor, nameRun, sayDuration, sayNumber, tookMs } from "./run-words.ts";

/** A run as text: how it stands or ended, what it did, and what is left for a person to do. */
export function printRun(run: RunView): string[] {
  const advice = adviseOn(run);
  return [describeEnd(run), ...printOutcomes(run), ...(advice.length > 0 ? ["", ...advice] : [])];
}

function printOutcomes({ dryRun, state, counts }: RunView): string[] {
  if (dryRun && (state === "failed" || state === "cancelled"))
    return ["Nothing was written, and it did not come to know what a run would do."];
  const outcomes = Object.entries(counts).map(([outcome, count]) => [outcome, sayNumber(count)] as const);
  const width = Math.max(...outcomes.map(([, count]) => count.length));
  return [
    ...(dryRun && (state === "succeeded" || state === "held")
      ? ["Nothing was written; a run now would come to this:"]
      : []),
    "",
    ...outcomes.map(([outcome, count]) => `  ${outcome.padEnd(10)}${count.padStart(width)}`),
  ];
}

function describeEnd(run: RunView): string {
  const { state, reason, errorCode, startedBy } = run;
  const name = nameRun(run);
  const seen = `${sayNumber(run.seen)}${run.total === null ? "" : ` of ${sayNumber(run.total)}`} users`;
  switch (state) {
    case "waiting":
      return `${name} waits for somebody to begin with it. ${startedBy} asked for it.`;
    case "running":
      return `${name} is under way: ${seen} so far. Started by ${startedBy}.`;
    case "succeeded":
      return `${name} is done: ${sayNumber(run.seen)} users${saySpeed(run)}.`;
    case "held":
      return `${name} has seen everybody, and holds deletions back: ${sayNumber(run.seen)} users${saySpeed(run)}.`;
    case "failed":
      return `${name} failed: ${reason ?? "nobody knows why"} (${errorCode ?? "internal"}).`;
    case "cancelled":
      return `${name} was stopped after ${seen}. ${reason ?? ""}`.trimEnd();
    default:
      return state satisfies never;
  }
}

function saySpeed(run: RunView): string {
  const ms = tookMs(run);
  if (ms === undefined) return "";
  const speed = ms < 1_000 ? "" : `, ${sayNumber(Math.round((run.seen * 1_000) / ms))} a second`;
  return ` in ${sayDuration(ms)}${speed}`;
}

function adviseOn(run: RunView): string[] {
  const { id, counts, missed, confirmedBy } = run;
  const sentences = [
    missed > 0 && `${sayNumber(missed)} of the changes are so old that a webhook should have told of them.`,
    counts.failed > 0 &&
      `${sayNumber(counts.failed)} could not be read or written; the next run tries again.`,
    confirmedBy !== null && `The deletions that it held were confirmed by ${confirmedBy}.`,
    ...adviseOnState(run),
    run.finishedAt === null && `Follow it: ${commandFor(run)}. Stop it: rollcall runs cancel ${id}`,
  ];
  return sentences.filter((sentence) => sentence !== false);
}

function adviseOnState({ id, mode, state, dryRun, counts, confirmedBy }: RunView): string[] {
  if (state === "failed") {
    return [
      `Nobody was deleted. What the code means: docs/RUNBOOK.md. Again: ${commandFor({ mode, dryRun })}`,
    ];
  }
  if (state !== "held") return [];
  if (confirmedBy !== null) {
    return [
      `${sayNumber(counts.held)} are still held. If nobody is at it now, this says why: rollcall reconcile --confirm-deletions ${id}`,
    ];
  }
  return [
    `${sayNumber(counts.held)} are gone from Clerk all at once: another instance's key would look the same, so nobody was deleted.`,
    ...(dryRun
      ? []
      : [
          "Look for some of them in Clerk's dashboard: select clerk_id from rollcall.held_deletions",
          `If they are gone, confirm: rollcall reconcile --confirm-deletions ${id}`,
        ]),
  ];
}
