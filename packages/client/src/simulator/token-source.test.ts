import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTokenSource } from "./token-source.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("callers at the same time share a token, and a new one is made before the first expires", async () => {
  let made = 0;
  const takeToken = createTokenSource(async () => `token ${++made}`);
  expect(await Promise.all([takeToken(), takeToken()])).toEqual(["token 1", "token 1"]);
  vi.advanceTimersByTime(44_000);
  expect(await takeToken()).toBe("token 1");
  vi.advanceTimersByTime(2_000);
  expect(await takeToken()).toBe("token 2");
});

test("a caller whose token was refused gets a new one, and so do the callers after it", async () => {
  let made = 0;
  const takeToken = createTokenSource(async () => `token ${++made}`);
  expect(await takeToken()).toBe("token 1");
  expect(await takeToken({ skipCache: true })).toBe("token 2");
  expect(await takeToken()).toBe("token 2");
});

test("neither a failure nor an ended session is cached", async () => {
  const answers = [Promise.reject(new Error("away")), Promise.resolve(null), Promise.resolve("token")];
  const takeToken = createTokenSource(() => answers.shift() ?? Promise.resolve("another"));
  await expect(takeToken()).rejects.toThrow("away");
  expect(await takeToken()).toBeNull();
  expect(await takeToken()).toBe("token");
});
