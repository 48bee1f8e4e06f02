import { expect, test } from "vitest";
import { createSpeedometer } from "./speedometer.ts";

function measure(notes: readonly (readonly [count: number, atMs: number])[]): number | undefined {
  const speed = createSpeedometer();
  for (const [count, atMs] of notes) speed.note(count, atMs);
  return speed.perSecond();
}

test.each([
  ["nothing is noted", [], undefined],
  [
    "a moment says nothing",
    [
      [0, 0],
      [500, 100],
    ],
    undefined,
  ],
  [
    "what a resumed run had seen before does not count",
    [
      [9_000, 0],
      [10_000, 1_000],
    ],
    1_000,
  ],
  [
    "only the last ten seconds count",
    [
      [0, 0],
      [50_000, 5_000],
      [51_000, 15_000],
    ],
    100,
  ],
  [
    "it goes down while nothing comes",
    [
      [0, 0],
      [1_000, 1_000],
      [1_000, 10_000],
    ],
    100,
  ],
  [
    "a run that begins anew is measured anew",
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
