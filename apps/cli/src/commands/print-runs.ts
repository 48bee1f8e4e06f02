import { type RunMode, type RunView, runMode } from "@rollcall/contracts";
import { table } from "../table.ts";
import { sayCounts, sayDuration, sayNumber, tookMs } from "./run-words.ts";

const titles: Record<RunMode, string> = { full: "Full runs", "catch-up": "Catch-ups" };

/** Runs by mode, newest first. */
export function printRuns(runs: readonly RunView[]): string[] {
  if (runs.length === 0) return ["No runs so far. Start one: rollcall reconcile"];
  return [
    ...runMode.options.flatMap((mode) => printMode(mode, runs)),
    "One in full, with its reason: rollcall runs <id>",
  ];
}

function printMode(mode: RunMode, runs: readonly RunView[]): string[] {
  const ofMode = runs.filter((run) => run.mode === mode);
  if (ofMode.length === 0) return [];
  const heads = ["id", "state", "started by", "asked for", "took", "users", ""];
  return [titles[mode], ...table([heads, ...ofMode.map(describe)]), ""];
}

function describe(run: RunView): string[] {
  const { id, state, dryRun, startedBy, requestedAt, seen, counts, errorCode } = run;
  const ms = tookMs(run);
  return [
    String(id),
    dryRun ? `${state}, dry` : state,
    startedBy,
    `${requestedAt.slice(0, 19).replace("T", " ")}Z`,
    ms === undefined ? "" : sayDuration(ms),
    sayNumber(seen),
    errorCode ?? sayCounts(counts),
  ];
}
