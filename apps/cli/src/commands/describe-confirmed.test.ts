import type { RunCounts, RunView } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { describeConfirmed } from "./describe-confirmed.ts";

const none = { created: 0, linked: 0, updated: 0, unchanged: 0, deleted: 0, held: 0, failed: 0 };
// Only what is said of a run.
const run = (state: RunView["state"], counts: Partial<RunCounts>) =>
  ({ id: 7, mode: "full", dryRun: false, state, counts: { ...none, ...counts } }) as RunView;

const say = (...runs: [held: RunView, ended: RunView]) => describeConfirmed(...runs).join("\n");
// One was unreadable in the sweep itself, and nobody's deletion.
const held = run("held", { held: 10, failed: 1 });

test("all deleted is said in one line", () => {
  expect(say(held, run("succeeded", { deleted: 10, failed: 1 }))).toBe("Full run 7: 10 deleted.");
});

test("whoever is at Clerk after all is told apart from whoever was refused", () => {
  const said = say(held, run("held", { deleted: 6, held: 1, failed: 2 }));
  expect(said).toMatch(/^Full run 7: 6 deleted\. 3 were left alone.* 1 refused: the app's own rules/);
  expect(said).toContain("1 are still held; to confirm this run again does nothing.");
  expect(said).toContain("Then: rollcall reconcile");
});

test("a second confirmation says that it did nothing, and why", () => {
  const left = run("held", { deleted: 9, held: 1, failed: 2 });
  const said = say(left, left);
  expect(said).toContain("0 deleted.");
  expect(said).toContain("Nothing was left to do: 1 are still held, since they were refused");
});
