import type { RunView } from "@rollcall/contracts";
import { dropSuspects, resetRun } from "@rollcall/db";
import { buryAbsent, tryBurial } from "./bury-absent.ts";
import { closeSweep } from "./close-sweep.ts";
import { confirmAbsent } from "./confirm-absent.ts";
import { walkStart } from "./page-walk.ts";
import { refuseEmptyList } from "./refuse-empty-list.ts";
import type { Runner } from "./runner.ts";
import { readSweepCheckpoint, type SweepCheckpoint } from "./sweep-checkpoint.ts";
import { walkPages } from "./walk-pages.ts";

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
    await (runner.trial ? tryBurial(runner, runner.trial) : buryAbsent(runner, checkpoint));
  return closeSweep(runner);
}

/** A dry run's book dies with its runner, so that the next one begins anew. */
function readProgress({ run, trial }: Runner): SweepCheckpoint | undefined {
  return trial ? undefined : readSweepCheckpoint(run.checkpoint);
}

async function begin(runner: Runner): Promise<SweepCheckpoint> {
  const { clerk, run } = runner;
  const total = await clerk.countUsers();
  if (total === 0) await refuseEmptyList(runner);
  const checkpoint: SweepCheckpoint = {
    phase: "walk",
    position: walkStart,
    pages: 0,
    total,
    seen: 0,
    witness: null,
  };
  await runner.advance(checkpoint, async (client) => {
    await dropSuspects(client, run.view.id);
    await resetRun(client, run.view.id);
    return { total };
  });
  return checkpoint;
}
