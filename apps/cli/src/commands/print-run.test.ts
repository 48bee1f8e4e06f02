import type { RunView } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { printRun } from "./print-run.ts";

const counts = { created: 0, linked: 0, updated: 3, unchanged: 500, deleted: 0, held: 0, failed: 0 };
const startedAt = "2026-01-01T00:00:00.000Z";
// Only what is printed of a run.
const dryRun = { id: 1, mode: "full", dryRun: true, seen: 503, total: 503, missed: 0, counts, startedAt };
const ended = (state: RunView["state"]) =>
  printRun({ ...dryRun, state, finishedAt: startedAt, confirmedBy: null } as RunView).join("\n");

test.each(["succeeded", "held"] as const)("a dry run that %s says what a run would do", (state) => {
  expect(ended(state)).toMatch(/would come to this:\n\n(.*\n)+ {2}updated +3/);
});

test.each(["failed", "cancelled"] as const)(
  "a dry run that %s does not pass zeros for what it found",
  (state) => {
    expect(ended(state)).toContain("did not come to know what a run would do");
    expect(ended(state)).not.toContain("updated");
  },
);

test("a confirmed run that still holds deletions does not say that nobody was deleted", () => {
  const left = { ...dryRun, dryRun: false, counts: { ...counts, deleted: 9, held: 1, failed: 1 } };
  const view = { ...left, state: "held", finishedAt: startedAt, confirmedBy: "cli:ops" } as RunView;
  const printed = printRun(view).join("\n");
  expect(printed).toContain("1 are still held");
  expect(printed).not.toContain("nobody was deleted");
});
