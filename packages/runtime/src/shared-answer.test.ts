import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { shareAnswer } from "./shared-answer.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("calls share the answer while it is read, and for the time after it", async () => {
  let reads = 0;
  let finish: (() => void) | undefined;
  const ask = shareAnswer(1_000, async () => {
    reads++;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return reads;
  });
  const first = ask();
  vi.advanceTimersByTime(5_000);
  const during = ask();
  finish?.();
  expect(await Promise.all([first, during])).toEqual([1, 1]);
  vi.advanceTimersByTime(999);
  expect(await ask()).toBe(1);
  vi.advanceTimersByTime(1);
  const next = ask();
  finish?.();
  expect(await next).toBe(2);
});

test("a failure is not shared with later calls", async () => {
  let reads = 0;
  const ask = shareAnswer(1_000, async () => {
    if (reads++ === 0) throw new Error("away");
    return "there";
  });
  await expect(ask()).rejects.toThrow("away");
  expect(await ask()).toBe("there");
});
