import { defineConfig } from "vitest/config";

// Tests read the packages' sources, so that a failure points at a line of TypeScript and no build can be stale.
const conditions = ["@rollcall/source"];
const sources = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  ...sources,
  test: {
    // Most tests wait for a process or a retry: one file at a time would leave two cores idle and take twice as long.
    maxWorkers: 3,
    projects: [
      {
        ...sources,
        test: {
          name: "unit",
          include: ["{packages,apps,examples}/*/src/**/*.test.{ts,tsx}", "bench/**/*.test.ts"],
          exclude: ["**/*.int.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        ...sources,
        test: {
          name: "int",
          include: ["{packages,apps}/*/src/**/*.int.test.ts", "tests/{e2e,chaos}/**/*.test.ts"],
          globalSetup: ["tests/services.ts"],
          testTimeout: 150_000,
          hookTimeout: 120_000,
        },
      },
      { ...sources, test: { name: "tidy", include: ["tests/tidy/**/*.test.ts"], testTimeout: 60_000 } },
    ],
  },
});
