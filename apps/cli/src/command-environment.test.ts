import { expect, test } from "vitest";
import { joinEnvironments } from "./command-environment.ts";

const system = {
  DATABASE_URL: "postgres://system",
  CLERK_API_URL: "http://127.0.0.1:3002",
  CLERK_SECRET_KEY: "sk_test_simulator",
};

test("a command works on the system of its folder, and its own variables win", () => {
  expect(joinEnvironments(system, { PATH: "/bin", DATABASE_URL: "postgres://own" })).toEqual({
    ...system,
    PATH: "/bin",
    DATABASE_URL: "postgres://own",
  });
});

test("a key of a real Clerk is not sent to the simulator of the folder", () => {
  const own = { CLERK_SECRET_KEY: "sk_live_own" };
  expect(joinEnvironments(system, own)).toEqual({ DATABASE_URL: "postgres://system", ...own });
});
