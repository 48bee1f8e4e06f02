import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEventCounter } from "./event-counter.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

test("a key's window begins with its first event, and its count ends with the window", () => {
  const counter = createEventCounter(60_000);
  expect([counter.add("a"), counter.add("a"), counter.read("a"), counter.read("b")]).toEqual([1, 2, 2, 0]);
  vi.advanceTimersByTime(30_000);
  counter.add("b");
  expect(counter.readMsLeft("a")).toBe(30_000);
  vi.advanceTimersByTime(30_000);
  expect([counter.read("a"), counter.read("b")]).toEqual([0, 1]);
  expect([counter.add("a"), counter.readMsLeft("a")]).toEqual([1, 60_000]);
});

test("other keys, however many, erase no count", () => {
  const counter = createEventCounter(60_000);
  for (let event = 0; event < 20; event++) counter.add("guesser");
  for (let other = 0; other < 150_000; other++) counter.add(`other ${other}`);
  expect(counter.add("guesser")).toBe(21);
});

test("the counts of ended windows make room for new keys", () => {
  const counter = createEventCounter(60_000);
  for (let other = 0; other < 100_000; other++) counter.add(`other ${other}`);
  counter.add("late");
  expect(counter.read("late")).toBe(0);
  vi.advanceTimersByTime(60_000);
  counter.add("late");
  expect(counter.read("late")).toBe(1);
});
