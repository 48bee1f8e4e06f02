import type { RunView } from "@rollcall/contracts";
import { dropCandidates, resetRun } from "@rollcall/db";
import { type FullSyncCheckpoint, readFullSyncCheckpoint } from "./checkpoint.ts";
import { closeFullSync } from "./close-full-sync.ts";
import { confirmAbsent } from "./confirm-absent.ts";
import { deleteMissing, tryDeletions } from "./delete-missing.ts";
import { walkStart } from "./fetch-page.ts";
import { refuseEmptyList } from "./refuse-empty-list.ts";
import type { Runner } from "./runner.ts";
import { walkPages } from "./walk-users.ts";

/**
 * Makes our rows equal to all of Clerk's users, and deletes those whom Clerk no longer has. Nobody is judged
 * before every page was seen; each phase can be gone on with by another process.
 *
 * @throws AppError why it failed; RunStop
 */
export async function sweep(runner: Runner): Promise<RunView> {
  let checkpoint = readProgress(runner) ?? (await begin(runner));
  if (checkpoint.phase === "walk") checkpoint = await walkPages(runner, checkpoint);
  if (checkpoint.phase === "confirm") checkpoint = await confirmAbsent(runner, checkpoint);
  if (checkpoint.phase === "bury")
    await (runner.trial ? tryDeletions(runner, runner.trial) : deleteMissing(runner, checkpoint));
  return closeFullSync(runner);
}

/** A dry run's book dies with its runner, so that the next one begins anew. */
function readProgress({ run, trial }: Runner): FullSyncCheckpoint | undefined {
  return trial ? undefined : readFullSyncCheckpoint(run.checkpoint);
}

async function begin(runner: Runner): Promise<FullSyncCheckpoint> {
  const { clerk, run } = runner;
  const total = await clerk.countUsers();
  if (total === 0) await refuseEmptyList(runner);
  const checkpoint: FullSyncCheckpoint = {
    phase: "walk",
    position: walkStart,
    pages: 0,
    total,
    seen: 0,
    sentinel: null,
  };
  await runner.advance(checkpoint, async (client) => {
    await dropCandidates(client, run.view.id);
    await resetRun(client, run.view.id);
    return { total };
  });
  return checkpoint;
}
