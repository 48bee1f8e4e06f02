import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take minutes start first. If they started last, they would run alone and leave a core idle. Vitest
 * sorts by the last duration of a file, which a fresh clone does not have.
 */
export const longest: readonly string[] = [
  "tests/proof/chaos.test.ts",
  "tests/proof/sync-job-stress.test.ts",
  "lab/chaos/mutants/mutants.test.ts",
  "tests/proof/apps.test.ts",
  "tests/proof/alerts.test.ts",
  "tests/proof/alert-causes.test.ts",
  "tests/proof/long-outage.test.ts",
  "tests/proof/outages.test.ts",
  "tests/proof/standalone-heals.test.ts",
  "tests/proof/reconcile-cli.test.ts",
  "tests/proof/purge.test.ts",
  "tests/proof/reconcile-admin.test.ts",
  "tests/e2e/dead-letters.test.ts",
  "tests/proof/doctor.test.ts",
  "tests/proof/board.test.ts",
  "tests/proof/reconcile.test.ts",
  "tests/proof/mappings/default.test.ts",
  "tests/proof/mappings/clerk-id.test.ts",
  "tests/e2e/main-job.test.ts",
  "tests/proof/notifications.test.ts",
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
