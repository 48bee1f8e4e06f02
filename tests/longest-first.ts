import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * What takes minutes, begun first: begun last it would run on alone, with a core idle. Vitest itself goes by how long a
 * file took the last time, which in a fresh clone nobody knows.
 */
const longest = [
  ...["chaos", "nudge-stress", "mutants", "reconcile-memory"],
  ...[
    "reconcile-cli",
    "purge",
    "rolling-release",
    "reconcile-admin",
    "outages",
    "alerts",
    "standalone",
    "doctor",
  ],
  ...["reconcile", "welcome-hook", "long-outage", "convergence.int"],
].map((name) => `${name}.test.ts`);

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.indexOf(basename(moduleId));
      return rank === -1 ? longest.length : rank;
    };
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
