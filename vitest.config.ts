import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tests/longest-first.ts";

// Tests read the packages' sources, so that a failure points at a line of TypeScript and no build can be stale.
const conditions = ["@rollcall/source"];
const sources = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** Faults, kills, thousands of users and minutes of waiting: `npm run test:proof`. */
const proof = ["tests/proof/**/*.test.ts", "{packages,lab}/**/*.proof.test.ts"];
/** Proofs that keep both cores busy. Six at a time would test the machine. */
const load = [
  "tests/proof/{chaos,login-storm,sync-job-stress,reconcile-chaos,reconcile-memory}.test.ts",
  "lab/chaos/mutants/mutants.test.ts",
];

/** Vitest's own limit of one second would be a verdict about the machine. */
const poll = (timeout: number) => ({ expect: { poll: { timeout } } });
const alone = { globalSetup: ["tests/run-folder.ts"], testTimeout: 60_000, ...poll(30_000) };
const withServices = {
  globalSetup: ["tests/run-folder.ts", "tests/services.ts"],
  testTimeout: 150_000,
  hookTimeout: 120_000,
  ...poll(60_000),
};

export default defineConfig({
  ...sources,
  test: {
    // Most tests wait for a process or a retry: with one file for each core, the cores would be idle half of the time.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...sources,
        test: {
          name: "unit",
          include: [
            "{packages,apps,examples}/*/src/**/*.test.{ts,tsx}",
            "lab/{bench,scale,chaos/series}/**/*.test.ts",
          ],
          exclude: ["**/*.{int,proof}.test.ts"],
          ...alone,
        },
      },
      {
        ...sources,
        test: {
          name: "int",
          // The import of shared modules takes a second of CPU for each file, and no test leaves state in a module.
          isolate: false,
          include: [
            "{packages,apps}/*/src/**/*.int.test.ts",
            "tests/e2e/**/*.test.ts",
            "lab/**/*.int.test.ts",
          ],
          ...withServices,
        },
      },
      {
        ...sources,
        test: { name: "proof", isolate: false, include: proof, exclude: load, ...withServices },
      },
      {
        ...sources,
        test: {
          name: "load",
          include: load,
          ...withServices,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      { ...sources, test: { name: "tidy", include: ["tests/tidy/**/*.test.ts"], ...alone } },
    ],
  },
});
