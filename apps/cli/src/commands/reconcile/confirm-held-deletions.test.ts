import type { RunCounts, RunView } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { describeConfirmed } from "./confirm-held-deletions.ts";

const none = { created: 0, linked: 0, updated: 0, unchanged: 0, deleted: 0, held: 0, failed: 0 };
// It has only the fields that are described.
const run = (state: RunView["state"], counts: Partial<RunCounts>) =>
  ({ id: 7, mode: "full", dryRun: false, state, counts: { ...none, ...counts } }) as RunView;

const describeAll = (...runs: [held: RunView, ended: RunView]) => describeConfirmed(...runs).join("\n");
// The failed user was unreadable in the full sync itself; this is no refused deletion.
const held = run("held", { held: 10, failed: 1 });

test("all deleted takes one line", () => {
  expect(describeAll(held, run("succeeded", { deleted: 10, failed: 1 }))).toBe("Full sync 7: 10 deleted.");
});

test("users that Clerk still has are counted apart from refused deletions", () => {
  const text = describeAll(held, run("held", { deleted: 6, held: 1, failed: 2 }));
  expect(text).toMatch(/^Full sync 7: 6 deleted\. 3 were left alone.* 1 refused: the app's own rules/);
  expect(text).toContain("1 are still held. Confirming this run again does nothing.");
  expect(text).toContain("Then: rollcall reconcile");
});

test("a second confirmation says that it did nothing, and why", () => {
  const left = run("held", { deleted: 9, held: 1, failed: 2 });
  const text = describeAll(left, left);
  expect(text).toContain("0 deleted.");
  expect(text).toContain("Nothing was left to do: 1 are still held, because they were refused");
});
