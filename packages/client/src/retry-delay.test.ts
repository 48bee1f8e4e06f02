import { expect, test } from "vitest";
import { decideDelayMs, readRetryAfterMs } from "./retry-delay.ts";

test.each([
  [1_000, undefined, 0, 1_000],
  [4_000, undefined, 1, 5_000],
  [1_000, 3_000, 0, 3_000],
  [4_000, 3_000, 0, 4_000],
  [1_000, 3_600_000, 0, 10_000],
  [60_000, undefined, 1, 10_000],
])("planned %s ms, asked for %s ms, dice %s: waits %s ms", (plannedMs, retryAfterMs, random, expected) => {
  expect(decideDelayMs(plannedMs, retryAfterMs, random)).toBe(expected);
});

test("a wait is never shorter than planned or than Retry-After, and never longer than 10 s", () => {
  for (let round = 0; round < 1_000; round++) {
    expect(decideDelayMs(2_000)).toBeGreaterThanOrEqual(2_000);
    expect(decideDelayMs(2_000)).toBeLessThanOrEqual(2_500);
    expect(decideDelayMs(1_000, 9_500)).toBeLessThanOrEqual(10_000);
  }
});

test.each([
  [null, undefined],
  ["", undefined],
  ["soon", undefined],
  ["0", 0],
  ["7", 7_000],
  ["Thu, 01 Jan 1970 00:00:09 GMT", 4_000],
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
])("Retry-After %j, read 5 s after the epoch, is %s ms", (header, expected) => {
  expect(readRetryAfterMs(header, 5_000)).toBe(expected);
});
