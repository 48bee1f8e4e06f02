import { expect, test } from "vitest";
import { decideConcurrency } from "./sync-worker.ts";

test("jobs that wait for Clerk make room for others, up to a limit", () => {
  expect(decideConcurrency("redis", 0, 1)).toBe(200);
  expect(decideConcurrency("redis", 300, 1)).toBe(500);
  expect(decideConcurrency("redis", 5_000, 1)).toBe(1_000);
  expect(decideConcurrency("postgres", 0, 1)).toBe(100);
  expect(decideConcurrency("postgres", 5_000, 1)).toBe(400);
});

test("the shards of a queue share its room, and each keeps enough to be worked off alone", () => {
  expect(decideConcurrency("redis", 0, 3)).toBe(67);
  expect(decideConcurrency("redis", 0, 12)).toBe(50);
  expect(decideConcurrency("redis", 5_000, 12)).toBe(84);
});
