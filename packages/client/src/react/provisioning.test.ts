import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RollcallError } from "../rollcall-error.ts";
import { pauseAfter } from "./provisioning.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The pauses of 200 pages whose calls failed together. */
async function measurePauses(failures: number, retryAfterMs?: number): Promise<number[]> {
  const startedAt = Date.now();
  const error = new RollcallError("internal", "", { retryable: true, retryAfterMs });
  const waits = Array.from({ length: 200 }, () =>
    pauseAfter(error, failures, 10_000).over.then(() => Date.now() - startedAt),
  );
  await vi.runAllTimersAsync();
  return Promise.all(waits);
}

test.each([
  ["the first", 0, undefined, 10_000],
  ["the second, which is twice as long", 1, undefined, 20_000],
  ["the tenth, which is no longer than a minute", 9, undefined, 60_000],
  ["one that the api asked for", 0, 45_000, 45_000],
  ["one that the api asked for, over the limit", 0, 3_600_000, 60_000],
])(
  "a pause is never shorter than planned, and differs between pages: %s",
  async (_, failures, asked, leastMs) => {
    const waits = await measurePauses(failures, asked);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(leastMs);
    expect(Math.max(...waits)).toBeLessThanOrEqual(leastMs * 1.25);
    expect(new Set(waits).size).toBeGreaterThan(20);
  },
);
