import { expect, test } from "vitest";
import { decideRetryDelayMs, retryOptions } from "./retry.ts";

const waits = [1, 2, 3, 4];
const sum = (delaysMs: readonly number[]) => delaysMs.reduce((total, delayMs) => total + delayMs, 0);

test("a deletion of a user that Clerk still has is retried over one minute", () => {
  const delaysMs = waits.map((made) => decideRetryDelayMs("sync", made, "user.still_there"));
  expect(waits).toHaveLength(retryOptions.attempts - 1);
  expect(sum(delaysMs)).toBe(60_000);
});

test.each(["user.still_there", "user.absent", "user.rejected", undefined])(
  "after %s, no wait is longer than 30 s, and none in queue ensure longer than 5 s",
  (code) => {
    for (const made of [...waits, 5, 100]) {
      expect(decideRetryDelayMs("sync", made, code)).toBeLessThanOrEqual(30_000);
      expect(decideRetryDelayMs("ensure", made, code)).toBeLessThanOrEqual(5_000);
    }
  },
);
