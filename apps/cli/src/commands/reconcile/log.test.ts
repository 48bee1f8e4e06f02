import { expect, test } from "vitest";
import { startReconcileLog } from "./log.ts";

const interruption = {
  event: "reconcile_interrupted",
  why: "postgres.unavailable",
  err: { message: "Postgres did not do its work (57P03)" },
};

function read(...lines: object[]) {
  const waits: string[] = [];
  const log = startReconcileLog((reason) => waits.push(reason));
  for (const line of lines) log.read(JSON.stringify(line));
  return { waits, log };
}

test("an interruption counts as a wait, and is listed if it ended the run", () => {
  const { waits, log } = read(interruption);
  expect(waits).toEqual(["postgres.unavailable"]);
  expect(log.describe({ errorCode: null })).toBe("");
  expect(log.describe({ errorCode: "reconcile.interrupted" })).toBe(
    "  postgres.unavailable: Postgres did not do its work (57P03)\n",
  );
});

test("a stop is neither a wait nor listed", () => {
  const { waits, log } = read({ event: "reconcile_interrupted", why: "interrupted" });
  expect(waits).toEqual([]);
  expect(log.describe({ errorCode: "reconcile.interrupted" })).toBe("");
});

test("the first twenty failed users are listed, and the others counted", () => {
  const failed = Array.from({ length: 23 }, (_, index) => ({
    clerkId: `user_${index}`,
    code: "user.rejected",
  }));
  const text = read(...failed).log.describe({ errorCode: null });
  expect(text).toContain("  user_19: user.rejected\n  … and 3 more\n");
});
