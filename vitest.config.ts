import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tests/longest-first.ts";

// Tests read the packages' sources, so that a failure points at a line of TypeScript and no build can be stale.
const conditions = ["@rollcall/source"];
const sources = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** They need services, and much of both cores: six at a time they would test the machine. */
const strenuous = [
  "tests/e2e/{chaos,login-storm,sync-job-stress,reconcile-chaos,reconcile-memory}.test.ts",
  "lab/chaos/mutants/mutants.test.ts",
];
const withServices = {
  globalSetup: ["tests/services.ts"],
  testTimeout: 150_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  ...sources,
  test: {
    // Most tests wait for a process or a retry: few files at a time would leave the cores idle and take twice as long.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...sources,
        test: {
          name: "unit",
          include: ["{packages,apps,examples}/*/src/**/*.test.{ts,tsx}", "lab/{bench,scale}/**/*.test.ts"],
          exclude: ["**/*.int.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        ...sources,
        test: {
          name: "int",
          // Importing what they share takes a second of CPU for each file, and no test leaves anything behind in it.
          isolate: false,
          include: [
            "{packages,apps}/*/src/**/*.int.test.ts",
            "tests/{e2e,deaths}/**/*.test.ts",
            "lab/{chaos,convergence}/**/*.test.ts",
          ],
          exclude: strenuous,
          ...withServices,
        },
      },
      {
        ...sources,
        test: {
          name: "load",
          include: strenuous,
          ...withServices,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      { ...sources, test: { name: "tidy", include: ["tests/tidy/**/*.test.ts"], testTimeout: 60_000 } },
    ],
  },
});
