import { join } from "node:path";
import type { Plugin } from "vite";
import { createVitest, type TestCase } from "vitest/node";
import { repository } from "../../stage/repository.ts";
import { changeSource } from "./change-source.ts";
import type { TestedMutant } from "./tested-mutants.ts";

/** A test that waits in vain for what the guard did should not wait for the minute of a busy machine. */
const pollMs = 10_000;

/**
 * Runs the test of a mutant against the changed source. The file on disk stays as it is.
 *
 * @returns the failed test; undefined if each test of this name passed
 * @throws Error if the mutant no longer fits the source, or no test has the name
 */
export async function runTestedMutant(mutant: TestedMutant): Promise<string | undefined> {
  let changed = 0;
  // The close of the tests' folder waits for a process that keeps no event loop alive.
  const alive = setInterval(() => undefined, 1_000);
  const file = join(repository, mutant.within);
  const plugin: Plugin = {
    name: "mutant",
    enforce: "pre",
    transform: (code, id) => {
      if (id.split("?")[0] !== file) return undefined;
      changed += 1;
      return { code: changeSource(mutant, code), map: null };
    },
  };
  const conditions = ["@rollcall/source"];
  const vitest = await createVitest(
    "test",
    {
      root: repository,
      config: false,
      watch: false,
      include: [mutant.test.file],
      globalSetup: ["tests/run-folder.ts", "tests/services.ts"],
      testNamePattern: new RegExp(`(?:^|\\s)${escapePattern(mutant.test.name)}`),
      testTimeout: 120_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: pollMs } },
      reporters: [{}],
    },
    { plugins: [plugin], resolve: { conditions }, ssr: { resolve: { conditions } } },
  );
  try {
    const { testModules, unhandledErrors } = await vitest.start([mutant.test.file]);
    const tests = testModules.flatMap((module) => [...module.children.allTests()]).filter(wasRun);
    const [first] = tests;
    if (changed === 0) throw new Error(`${mutant.within} is not what ${mutant.test.file} tests`);
    if (!first) {
      const errors = [...unhandledErrors, ...testModules.flatMap((module) => module.errors())];
      throw new Error(`No test "${mutant.test.name}" ran; ${errors.map(String).join("; ")}`);
    }
    return tests.find((one) => one.result().state === "failed")?.name;
  } finally {
    await vitest.close();
    clearInterval(alive);
  }
}

function wasRun(test: TestCase): boolean {
  const { state } = test.result();
  return state === "passed" || state === "failed";
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
