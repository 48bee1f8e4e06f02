import type { RunView } from "@rollcall/contracts";
import {
  dropCandidates,
  dropCandidatesOfEarlierRuns,
  evaluateConflicts,
  findRun,
  listAbsent,
  raiseWatermark,
} from "@rollcall/db";
import { dropCaches } from "./drop-caches.ts";
import { reportAbsent } from "./report.ts";
import type { Runner } from "./runner.ts";

const batchSize = 500;

/** Drops the caches of those who are gone, judges all open conflicts again, and ends the run. */
export async function closeFullSync(runner: Runner): Promise<RunView> {
  const { context, run, trial } = runner;
  const runId = run.view.id;
  const held = (await findRun(context.pool, runId))?.counts.held ?? 0;
  for (let after = ""; !trial; ) {
    const clerkIds = await listAbsent(context.pool, runId, after, batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) break;
    after = last;
    await dropCaches(runner, clerkIds);
    reportAbsent(context, clerkIds, held > 0 ? "held" : "tombstoned");
  }
  const reason = `${held} deletions are too many to be believed; a person must confirm them`;
  const end = held > 0 ? ({ state: "held", reason } as const) : ({ state: "succeeded" } as const);
  return runner.end(end, async (client) => {
    if (trial) return dropCandidates(client, runId);
    await evaluateConflicts(client, "reconcile");
    await dropCandidatesOfEarlierRuns(client, runId);
    // A held run's candidates wait for a person with it.
    if (held === 0) await dropCandidates(client, runId);
    // Everything that Clerk had shown before this run began is in our rows now.
    if (run.watermarkMs !== null) await raiseWatermark(client, run.watermarkMs);
  });
}
