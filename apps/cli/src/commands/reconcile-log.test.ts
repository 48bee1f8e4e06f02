import { expect, test } from "vitest";
import { startReconcileLog } from "./reconcile-log.ts";

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

test("an interruption is a wait, and told when it was the end", () => {
  const { waits, log } = read(interruption);
  expect(waits).toEqual(["postgres.unavailable"]);
  expect(log.describe({ errorCode: null })).toBe("");
  expect(log.describe({ errorCode: "reconcile.interrupted" })).toBe(
    "  postgres.unavailable: Postgres did not do its work (57P03)\n",
  );
});

test("a stop is neither a wait nor told again", () => {
  const { waits, log } = read({ event: "reconcile_interrupted", why: "interrupted" });
  expect(waits).toEqual([]);
  expect(log.describe({ errorCode: "reconcile.interrupted" })).toBe("");
});

test("of those who failed twenty are named", () => {
  const failed = Array.from({ length: 23 }, (_, index) => ({
    clerkId: `user_${index}`,
    code: "user.rejected",
  }));
  const said = read(...failed).log.describe({ errorCode: null });
  expect(said).toContain("  user_19: user.rejected\n  … and 3 more\n");
});
