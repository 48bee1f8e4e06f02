import { EnvironmentError } from "@rollcall/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideConnections, type Program } from "./connection-limits.ts";

test.each([
  ["api", true, undefined, { main: 20, queues: 0 }],
  ["api", false, undefined, { main: 20, queues: 16 }],
  ["worker", true, undefined, { main: 10, queues: 0 }],
  ["worker", false, undefined, { main: 10, queues: 16 }],
  ["api", true, 7, { main: 7, queues: 0 }],
  ["api", false, 7, { main: 4, queues: 3 }],
  ["worker", false, 7, { main: 3, queues: 4 }],
  ["worker", false, 5, { main: 1, queues: 4 }],
] as const)("%s with Redis %s and DATABASE_MAX_CONNECTIONS %s", (program, hasRedis, max, limits) => {
  expect(decideConnections(program, { max, hasRedis })).toEqual(limits);
});

test("the pools of a process never open more than DATABASE_MAX_CONNECTIONS, and each can work", () => {
  const programs: Program[] = ["api", "worker", "cli"];
  fc.assert(
    fc.property(
      fc.constantFrom(...programs),
      fc.boolean(),
      fc.integer({ min: 1, max: 500 }),
      (program, hasRedis, max) => {
        try {
          const { main, queues } = decideConnections(program, { max, hasRedis });
          expect(main + queues).toBeLessThanOrEqual(max);
          expect(main).toBeGreaterThan(0);
          // Three for LISTEN, and one for statements.
          const least = { api: 1, worker: 4, cli: 1 }[program];
          expect(queues).toBeGreaterThanOrEqual(hasRedis ? 0 : least);
        } catch (error) {
          expect(error).toBeInstanceOf(EnvironmentError);
          expect(max).toBeLessThan(5);
        }
      },
    ),
  );
});
