import {
  countAbsent,
  holdDeletions,
  inRolledBackTransaction,
  listAbsent,
  lockAbsenceGuard,
  mayDeleteAbsent,
  type Queryable,
  tombstoneEach,
} from "@rollcall/db";
import type { FullSyncCheckpoint } from "./checkpoint.ts";
import type { DryRun } from "./dry-run.ts";
import type { Runner } from "./runner.ts";

const batchSize = 500;

/**
 * Deletes those whom Clerk does not have, all in one transaction, or holds them all when they are too many: see
 * `mayDeleteAbsent`.
 */
export async function deleteMissing(runner: Runner, checkpoint: FullSyncCheckpoint): Promise<void> {
  const runId = runner.run.view.id;
  await runner.advance({ ...checkpoint, phase: "close" }, async (client) => {
    await lockAbsenceGuard(client);
    const absent = await countAbsent(client, runId);
    const mayDelete = absent === 0 || (await mayDeleteAbsent(client, absent, runner.run.view.startedAt));
    return { counts: await decideEach(client, runId, mayDelete) };
  });
}

/** What a dry run's end would be: what was collected is tried and taken back, and so are the deletions. */
export async function tryDeletions(runner: Runner, trial: DryRun): Promise<void> {
  const { context, run } = runner;
  const counts = await trial.carryOut();
  const deletion = inRolledBackTransaction(context.pool, async (client) => {
    const absent = await countAbsent(client, run.view.id);
    const mayDelete = absent === 0 || (await mayDeleteAbsent(client, absent, run.view.startedAt));
    return decideEach(client, run.view.id, mayDelete);
  });
  const deletions = await deletion;
  const failed = (counts.failed ?? 0) + deletions.failed;
  await runner.advance({}, async () => ({ counts: { ...counts, ...deletions, failed } }));
}

async function decideEach(client: Queryable, runId: number, mayDelete: boolean) {
  const why = { cause: "reconcile", ref: String(runId) };
  const counts = { deleted: 0, held: 0, failed: 0 };
  let after = "";
  for (;;) {
    const clerkIds = await listAbsent(client, runId, after, batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) return counts;
    after = last;
    if (mayDelete) {
      const { deleted, failed } = await tombstoneEach(client, clerkIds, { ...why, by: "absence" });
      counts.deleted += deleted;
      counts.failed += failed;
    } else {
      await holdDeletions(client, clerkIds, why);
      counts.held += clerkIds.length;
    }
  }
}
