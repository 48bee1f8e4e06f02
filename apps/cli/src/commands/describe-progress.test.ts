import type { RunView } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { describeProgress, drawProgress } from "./describe-progress.ts";

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
      "far",
      state,
      "Full run 12: 50 %, 10,000 of 20,000, 1,250/s, ETA 8 s; created 120, updated 45, unchanged 9,835",
    ],
    [
      "what it waits for",
      { ...state, waitsFor: "clerk.unavailable" },
      "Full run 12: 50 %, 10,000 of 20,000, waiting: clerk.unavailable; created 120, updated 45, unchanged 9,835",
    ],
    [
      "that only deletions are left",
      { ...state, run: { ...run, seen: 20_001 } },
      "Full run 12: 100 %, 20,001 of 20,000, last checks; created 120, updated 45, unchanged 9,835",
    ],
    [
      "no share of a catch-up, of which nobody knows the length",
      { ...state, run: { ...run, mode: "catch-up" as const, total: null } },
      "Catch-up 12: 10,000 users, 1,250/s; created 120, updated 45, unchanged 9,835",
    ],
    ["no end of a run that stands still", { ...state, perSecond: 0 }, expect.not.stringContaining("ETA")],
    [
      "that it starts",
      { ...state, run: { ...run, state: "waiting" as const } },
      expect.stringContaining("starting"),
    ],
  ])("says how far it is: %s", (_what, shown, line) => {
    expect(describeProgress(shown)).toEqual(line);
  });
});

describe("the bar", () => {
  test("is as long as the share of users seen", () => {
    const [head = ""] = drawProgress(state, 120);
    expect(head).toBe(
      `Full run 12  ${"█".repeat(15)}${"░".repeat(15)}  50 %  10,000 of 20,000  1,250/s  ETA 8 s`,
    );
  });

  test.each([20, 40, 60, 80, 100])(
    "never reaches the last of %i columns, so that it does not wrap",
    (columns) => {
      for (const line of drawProgress(state, columns)) expect(line.length).toBeLessThan(columns);
    },
  );
});
