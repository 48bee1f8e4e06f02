import type { WriteStream } from "node:tty";
import { type RunView, toPrintable } from "@rollcall/contracts";
import { formatNumber } from "../../print.ts";
import { formatCounts, formatDuration, nameRun } from "../runs/describe-run.ts";

/** Shows how far a run is, until `end`. */
export type Progress = {
  show(run: RunView): void;
  /** Shows what the run waits for, until its next step. */
  wait(reason: string): void;
  end(): void;
};

type ProgressState = {
  run: RunView;
  /** Undefined before there are enough notes for a speed. */
  perSecond: number | undefined;
  /** The dependency that the run waits for. */
  waitsFor: string | undefined;
};

type Screen = { draw(state: ProgressState): void; clear(): void };

const drawEveryMs = 500;

/** A bar on a terminal, and a line every few seconds elsewhere. */
export function startProgress(stream: WriteStream): Progress {
  const screen = stream.isTTY ? createBar(stream) : createLines(stream);
  const speed = createSpeedometer();
  let run: RunView | undefined;
  let waitsFor: string | undefined;

  // Also drawn while no report comes: then the speed goes down.
  const timer = setInterval(draw, drawEveryMs);
  function draw(): void {
    if (!run) return;
    speed.note(run.seen, Date.now());
    screen.draw({ run, perSecond: speed.perSecond(), waitsFor });
  }

  return {
    show(next) {
      if (next.pages !== run?.pages || next.seen !== run.seen) waitsFor = undefined;
      const isFirst = run === undefined;
      run = next;
      if (isFirst) draw();
    },
    wait(reason) {
      waitsFor = reason;
    },
    end() {
      clearInterval(timer);
      screen.clear();
    },
  };
}

function createBar(stream: WriteStream): Screen {
  const eraseLine = "\u001b[K";
  let drawn = 0;
  const goBack = () => (drawn > 1 ? `\r\u001b[${drawn - 1}A` : "\r");
  return {
    draw(state) {
      const lines = drawProgress(state, stream.columns || 80);
      stream.write(goBack() + lines.map((line) => line + eraseLine).join("\n"));
      drawn = lines.length;
    },
    clear() {
      // Later output takes the bar's place; a second call must not clear that.
      if (drawn > 0) stream.write(`${goBack()}\u001b[J`);
      drawn = 0;
    },
  };
}

const lineEveryMs = 5_000;

function createLines(stream: WriteStream): Screen {
  let writtenAtMs = Date.now();
  let written = "";
  return {
    draw(state) {
      if (Date.now() - writtenAtMs < lineEveryMs) return;
      writtenAtMs = Date.now();
      const line = describeProgress(state);
      if (line !== written) stream.write(`${toPrintable(line)}\n`);
      written = line;
    },
    clear: () => undefined,
  };
}

/** One line for a file or a pipe. */
export function describeProgress({ run, ...state }: ProgressState): string {
  const counts = formatCounts(run.counts);
  return `${nameRun(run)}: ${listSteps({ run, ...state }).join(", ")}${counts && `; ${counts}`}`;
}

const widestBar = 30;
const narrowestBar = 8;

/** Two lines for a terminal of this width: a bar, and the outcomes so far. */
export function drawProgress(state: ProgressState, columns: number): string[] {
  const { run } = state;
  const [head, steps] = [nameRun(run), listSteps(state).join("  ")];
  const room = Math.min(widestBar, columns - head.length - steps.length - 5);
  const share = shareOf(run);
  const bar = share === undefined || room < narrowestBar ? "" : `${drawBar(share, room)}  `;
  return [`${head}  ${bar}${steps}`, `  ${formatCounts(run.counts)}`].map((line) =>
    toPrintable(line).slice(0, columns - 1),
  );
}

function drawBar(share: number, width: number): string {
  const done = Math.floor(share * width);
  return "█".repeat(done) + "░".repeat(width - done);
}

function listSteps({ run, perSecond, waitsFor }: ProgressState): string[] {
  const { state, seen, total } = run;
  if (state === "waiting") return ["starting"];
  const share = shareOf(run);
  const steps =
    share === undefined || total === null
      ? [`${formatNumber(seen)} users`]
      : [`${Math.floor(share * 100)} %`, `${formatNumber(seen)} of ${formatNumber(total)}`];
  if (waitsFor !== undefined) return [...steps, `waiting: ${waitsFor}`];
  // Every user of Clerk's list was compared. Clerk is then asked by id about missing users, and deletions come last.
  if (total !== null && seen >= total) return [...steps, "last checks"];
  if (perSecond === undefined || perSecond < 1) return steps;
  const left = total === null ? undefined : ((total - seen) / perSecond) * 1_000;
  return [
    ...steps,
    `${formatNumber(Math.round(perSecond))}/s`,
    ...(left === undefined ? [] : [`ETA ${formatDuration(Math.max(1_000, left))}`]),
  ];
}

/** Undefined for a run whose length is not known. */
function shareOf({ seen, total }: RunView): number | undefined {
  return total === null ? undefined : Math.min(1, seen / Math.max(1, total));
}

const speedWindowMs = 10_000;
/** A shorter time gives no useful speed. */
const shortestWindowMs = 500;

/** How fast a count grows, from the notes of the last ten seconds. */
type Speedometer = {
  note(count: number, atMs: number): void;
  /** Undefined before there are enough notes. */
  perSecond(): number | undefined;
};

export function createSpeedometer(): Speedometer {
  let notes: { count: number; atMs: number }[] = [];
  return {
    note(count, atMs) {
      // The run starts from the beginning.
      if (count < (notes.at(-1)?.count ?? 0)) notes = [];
      notes.push({ count, atMs });
      const oldest = notes.findLastIndex((noted) => noted.atMs <= atMs - speedWindowMs);
      if (oldest > 0) notes = notes.slice(oldest);
    },
    perSecond() {
      const [first, last] = [notes[0], notes.at(-1)];
      if (!first || !last || last.atMs - first.atMs < shortestWindowMs) return undefined;
      return ((last.count - first.count) * 1_000) / (last.atMs - first.atMs);
    },
  };
}
