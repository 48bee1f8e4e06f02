import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import type { RunView } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { createSpeedometer, describeProgress, drawProgress, startProgress } from "./progress.ts";

const run: RunView = {
  id: 12,
  mode: "full",
  dryRun: false,
  state: "running",
  startedBy: "cli:ops",
  pages: 20,
  seen: 10_000,
  total: 20_000,
  counts: { created: 120, linked: 0, updated: 45, unchanged: 9_835, deleted: 0, held: 0, failed: 0 },
  missed: 0,
  cancelRequested: false,
  confirmedBy: null,
  confirmation: null,
  superseded: false,
  errorCode: null,
  reason: null,
  requestedAt: "2026-01-01T03:00:00.000Z",
  startedAt: "2026-01-01T03:00:00.000Z",
  heartbeatAt: "2026-01-01T03:00:08.000Z",
  finishedAt: null,
};
const state = { run, perSecond: 1_250, waitsFor: undefined };

describe("a line", () => {
  test.each([
    [
      "the share, the speed and the time left",
      state,
      "Full sync 12: 50 %, 10,000 of 20,000, 1,250/s, ETA 8 s; created 120, updated 45, unchanged 9,835",
    ],
    [
      "the dependency that the run waits for",
      { ...state, waitsFor: "clerk.unavailable" },
      "Full sync 12: 50 %, 10,000 of 20,000, waiting: clerk.unavailable; created 120, updated 45, unchanged 9,835",
    ],
    [
      "that only deletions are left",
      { ...state, run: { ...run, seen: 20_001 } },
      "Full sync 12: 100 %, 20,001 of 20,000, last checks; created 120, updated 45, unchanged 9,835",
    ],
    [
      "no share of a catch-up, whose length is not known",
      { ...state, run: { ...run, mode: "catch-up" as const, total: null } },
      "Catch-up 12: 10,000 users, 1,250/s; created 120, updated 45, unchanged 9,835",
    ],
    [
      "no time left for a run that stands still",
      { ...state, perSecond: 0 },
      expect.not.stringContaining("ETA"),
    ],
    [
      "that the run starts",
      { ...state, run: { ...run, state: "waiting" as const } },
      expect.stringContaining("starting"),
    ],
  ])("shows %s", (_what, shown, line) => {
    expect(describeProgress(shown)).toEqual(line);
  });
});

describe("the bar", () => {
  test("is as long as the share of users seen", () => {
    const [head = ""] = drawProgress(state, 120);
    expect(head).toBe(
      `Full sync 12  ${"█".repeat(15)}${"░".repeat(15)}  50 %  10,000 of 20,000  1,250/s  ETA 8 s`,
    );
  });

  test.each([20, 40, 60, 80, 100])(
    "never reaches the last of %i columns, so that it does not wrap",
    (columns) => {
      for (const line of drawProgress(state, columns)) expect(line.length).toBeLessThan(columns);
    },
  );
});

function openStream(isTTY: boolean) {
  const chunks: string[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  // It has what progress uses of a terminal's WriteStream.
  return { stream: stream as unknown as WriteStream, written: () => chunks.join("") };
}

test("on a terminal the end erases the bar once, and later output stays", () => {
  const { stream, written } = openStream(true);
  const progress = startProgress(stream);
  progress.show(run);
  expect(written()).toContain("10,000 of 20,000");
  progress.end();
  const cleared = written();
  expect(cleared.endsWith("\u001b[1A\u001b[J")).toBe(true);
  progress.end();
  expect(written()).toBe(cleared);
});

test("elsewhere no output moves the cursor", () => {
  const { stream, written } = openStream(false);
  const progress = startProgress(stream);
  progress.show(run);
  progress.end();
  expect(written()).not.toContain("\u001b");
});

describe("the speed", () => {
  function measure(notes: readonly (readonly [count: number, atMs: number])[]): number | undefined {
    const speed = createSpeedometer();
    for (const [count, atMs] of notes) speed.note(count, atMs);
    return speed.perSecond();
  }

  test.each([
    ["is unknown without notes", [], undefined],
    [
      "is unknown after a tenth of a second",
      [
        [0, 0],
        [500, 100],
      ],
      undefined,
    ],
    [
      "leaves out what a continued run had seen before",
      [
        [9_000, 0],
        [10_000, 1_000],
      ],
      1_000,
    ],
    [
      "is that of the last ten seconds",
      [
        [0, 0],
        [50_000, 5_000],
        [51_000, 15_000],
      ],
      100,
    ],
    [
      "goes down while the count stands still",
      [
        [0, 0],
        [1_000, 1_000],
        [1_000, 10_000],
      ],
      100,
    ],
    [
      "is measured from zero when the run starts from the beginning",
      [
        [9_000, 0],
        [0, 1_000],
        [500, 2_000],
      ],
      500,
    ],
  ] as const)("%s", (_what, notes, perSecond) => {
    expect(measure(notes)).toBe(perSecond);
  });
});
