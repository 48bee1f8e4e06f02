import type { WriteStream } from "node:tty";
import type { RunView } from "@rollcall/contracts";
import { describeProgress, drawProgress, type ProgressState } from "./describe-progress.ts";
import { createSpeedometer } from "./speedometer.ts";

/** Shows how far a run is, until `end`. */
export type Progress = {
  show(run: RunView): void;
  /** The run waits for something; until it goes on. */
  wait(reason: string): void;
  end(): void;
};

type Screen = { draw(state: ProgressState): void; clear(): void };

const everyMs = 500;

/** A bar on a terminal, and a line in a while elsewhere. */
export function startProgress(stream: WriteStream): Progress {
  const screen = stream.isTTY ? createBar(stream) : createLines(stream);
  const speed = createSpeedometer();
  let run: RunView | undefined;
  let waitsFor: string | undefined;

  // Also while nothing comes: then the speed goes down.
  const timer = setInterval(draw, everyMs);
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
      // What comes next takes its place, and is not cleared with it.
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
      if (line !== written) stream.write(`${line}\n`);
      written = line;
    },
    clear: () => undefined,
  };
}
