import type { RunView } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { describeNamed, describeRun } from "./describe-run.ts";

const counts = { created: 0, linked: 0, updated: 3, unchanged: 500, deleted: 0, held: 0, failed: 0 };
const startedAt = "2026-01-01T00:00:00.000Z";
// It has only the fields that are described.
const dryRun = { id: 1, mode: "full", dryRun: true, seen: 503, total: 503, missed: 0, counts, startedAt };
const ended = (state: RunView["state"]) =>
  describeRun({ ...dryRun, state, finishedAt: startedAt, confirmedBy: null } as RunView).join("\n");

test.each(["succeeded", "held"] as const)(
  "a dry run that %s reports the result that a run would have",
  (state) => {
    expect(ended(state)).toMatch(/would be:\n\n(.*\n)+ {2}updated +3/);
  },
);

test.each(["failed", "cancelled"] as const)("a dry run that %s shows no zeros as its result", (state) => {
  expect(ended(state)).toContain("ended before it had a result");
  expect(ended(state)).not.toContain("updated");
});

test("a confirmed run that still holds deletions does not say that no user was deleted", () => {
  const left = { ...dryRun, dryRun: false, counts: { ...counts, deleted: 9, held: 1, failed: 1 } };
  const view = { ...left, state: "held", finishedAt: startedAt, confirmedBy: "cli:ops" } as RunView;
  const text = describeRun(view).join("\n");
  expect(text).toContain("1 are still held");
  expect(text).not.toContain("no user was deleted");
});

test("the users that a dry run would delete, hold or cannot write are named, and the rest is counted", () => {
  const view = { ...dryRun, counts: { ...counts, deleted: 1, held: 3, failed: 1 } } as RunView;
  const named = [
    { clerkId: "user_a", name: null, kind: "deleted", code: null },
    { clerkId: "user_b", name: "Beto", kind: "failed", code: "user.rejected" },
  ] as const;
  const text = describeNamed(view, named).join("\n");
  expect(text).toMatch(/user_a +deleted/);
  expect(text).toMatch(/user_b +failed +user.rejected/);
  expect(text).toContain("and 3 more");
  expect(text).not.toContain("Beto");
  expect(describeNamed(view, [])).toEqual([]);
});
