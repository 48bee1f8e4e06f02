import type { RunView } from "@rollcall/contracts";
import { nameRun, sayCounts, sayDuration, sayNumber } from "./run-words.ts";

export type ProgressState = {
  run: RunView;
  /** Undefined while nobody can tell. */
  perSecond: number | undefined;
  /** What the run waits for. */
  waitsFor: string | undefined;
};

/** One line for a file or a pipe. */
export function describeProgress({ run, ...state }: ProgressState): string {
  const counts = sayCounts(run.counts);
  return `${nameRun(run)}: ${saySteps({ run, ...state }).join(", ")}${counts && `; ${counts}`}`;
}

const widestBar = 30;
const narrowestBar = 8;

/** Two lines for a terminal of so many columns: a bar, and the outcomes so far. */
export function drawProgress(state: ProgressState, columns: number): string[] {
  const { run } = state;
  const [head, steps] = [nameRun(run), saySteps(state).join("  ")];
  const room = Math.min(widestBar, columns - head.length - steps.length - 5);
  const share = shareOf(run);
  const bar = share === undefined || room < narrowestBar ? "" : `${drawBar(share, room)}  `;
  return [`${head}  ${bar}${steps}`, `  ${sayCounts(run.counts)}`].map((line) => line.slice(0, columns - 1));
}

function drawBar(share: number, width: number): string {
  const done = Math.floor(share * width);
  return "█".repeat(done) + "░".repeat(width - done);
}

function saySteps({ run, perSecond, waitsFor }: ProgressState): string[] {
  const { state, seen, total } = run;
  if (state === "waiting") return ["starting"];
  const share = shareOf(run);
  const steps =
    share === undefined || total === null
      ? [`${sayNumber(seen)} users`]
      : [`${Math.floor(share * 100)} %`, `${sayNumber(seen)} of ${sayNumber(total)}`];
  if (waitsFor !== undefined) return [...steps, `waiting: ${waitsFor}`];
  // All were seen: who was missing is asked about by id, and deletions come last.
  if (total !== null && seen >= total) return [...steps, "last checks"];
  if (perSecond === undefined || perSecond < 1) return steps;
  const left = total === null ? undefined : ((total - seen) / perSecond) * 1_000;
  return [
    ...steps,
    `${sayNumber(Math.round(perSecond))}/s`,
    ...(left === undefined ? [] : [`ETA ${sayDuration(Math.max(1_000, left))}`]),
  ];
}

/** Undefined where nobody knows how many there are. */
function shareOf({ seen, total }: RunView): number | undefined {
  return total === null ? undefined : Math.min(1, seen / Math.max(1, total));
}
