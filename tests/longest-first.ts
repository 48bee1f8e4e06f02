import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take 40 seconds and more start first. If they started last, they would run alone and leave a core
 * idle. Vitest sorts by the last duration of a file, which a fresh clone does not have.
 */
export const longest: readonly string[] = [
  "tests/proof/sync-job-stress.test.ts",
  "tests/proof/chaos.test.ts",
  "lab/chaos/mutants/mutants.test.ts",
  "tests/proof/reconcile-memory.test.ts",
  "tests/proof/reconcile-chaos.test.ts",
  "tests/proof/reconcile-cli.test.ts",
  "tests/proof/reconcile-admin.test.ts",
  "tests/proof/alert-causes.test.ts",
  "tests/proof/alerts.test.ts",
  "tests/proof/reconcile.test.ts",
  "tests/proof/long-outage.test.ts",
  "tests/proof/standalone-heals.test.ts",
  "tests/proof/security.test.ts",
  "tests/proof/outages.test.ts",
  "tests/proof/least-privilege.test.ts",
  "tests/proof/doctor.test.ts",
  "tests/proof/activity.test.ts",
  "tests/proof/schema-changed.test.ts",
  "tests/proof/bulk-changes.test.ts",
  "tests/proof/mapped-standalone.test.ts",
  "tests/proof/notifications.test.ts",
  "packages/db/src/mapping.proof.test.ts",
  "tests/proof/purge.test.ts",
  "tests/proof/half-open.test.ts",
  "tests/proof/rolling-release.test.ts",
  "tests/proof/reconcile-budget.test.ts",
  "tests/proof/pooler.test.ts",
  "tests/proof/apps.test.ts",
  "tests/proof/dead-letters.test.ts",
  "tests/proof/standstill.test.ts",
  "tests/proof/refusals.test.ts",
  "tests/proof/mappings/default.test.ts",
  "tests/proof/failover.test.ts",
  "tests/proof/mapped-console.test.ts",
  "tests/proof/package.test.ts",
  "tests/e2e/console.test.ts",
  "apps/api/src/admin/live/live.int.test.ts",
  "tests/e2e/dead-letters.test.ts",
  "tests/e2e/main-job.test.ts",
  "tests/e2e/dashboard.test.ts",
  "tests/e2e/cli.test.ts",
  "tests/e2e/standalone.test.ts",
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
