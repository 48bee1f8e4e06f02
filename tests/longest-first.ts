import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * What takes minutes, begun first: begun last it would run on alone, with a core idle. Vitest itself goes by how long a
 * file took the last time, which in a fresh clone nobody knows.
 */
export const longest: readonly string[] = [
  "tests/e2e/chaos.test.ts",
  "tests/e2e/sync-job-stress.test.ts",
  "lab/chaos/mutants/mutants.test.ts",
  "tests/e2e/reconcile-memory.test.ts",
  "tests/e2e/reconcile-cli.test.ts",
  "tests/e2e/purge.test.ts",
  "tests/e2e/rolling-release.test.ts",
  "tests/e2e/reconcile-admin.test.ts",
  "tests/e2e/alerts.test.ts",
  "tests/e2e/outages.test.ts",
  "tests/e2e/standalone.test.ts",
  "tests/e2e/doctor.test.ts",
  "tests/e2e/reconcile.test.ts",
  "tests/e2e/notifications.test.ts",
  "tests/e2e/long-outage.test.ts",
  "lab/convergence/convergence.int.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.findIndex((path) => moduleId.endsWith(`/${path}`));
      return rank === -1 ? longest.length : rank;
    };
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
