import { AppError, type RunMode, type RunView } from "@rollcall/contracts";
import {
  cancelOpenRun,
  findRun,
  hasOpenFullSync,
  inTransaction,
  noteConfirmation,
  type Pool,
  type Queryable,
  recordAdminEvents,
  requestRun,
} from "@rollcall/db";
import { getHeldRun } from "./confirm-held-deletions.ts";

type Orders = { pool: Pool };

/**
 * A person asks for a run: it is made, or the one of this mode that is not over yet is found. Somebody must then
 * carry it out, as with `requestRun`. The timeline names the person.
 *
 * @throws AppError `postgres.unavailable`
 */
export function requestNewRun(
  { pool }: Orders,
  { mode, dryRun }: { mode: RunMode; dryRun: boolean },
  by: string,
): Promise<{ run: RunView; isNew: boolean }> {
  return ordered(pool, async (client) => {
    const asked = await requestRun(client, { mode, dryRun, startedBy: by });
    if (asked.isNew) await record(client, by, "reconcile_requested", asked.run);
    return asked;
  });
}

/**
 * A person wants a run to stop. Its runner hears of it within seconds; one that nobody works on ends at once.
 *
 * @throws AppError `run.unknown`, `run.finished` or `postgres.unavailable`
 */
export function cancelRun({ pool }: Orders, runId: number, by: string): Promise<RunView> {
  return ordered(pool, async (client) => {
    const cancelled = await cancelOpenRun(client, runId, by);
    if (cancelled) {
      await record(client, by, "reconcile_cancelled", cancelled);
      return cancelled;
    }
    const run = await findRun(client, runId);
    if (!run) throw new AppError("run.unknown", `There is no run ${runId}`);
    throw new AppError("run.finished", `Run ${runId} is ${run.state}`);
  });
}

/**
 * A person says that a held run's deletions are right. Only written down here: `confirmDeletions` carries them out.
 *
 * @throws AppError `run.unknown`, `run.not_held`, `run.superseded`, `run.busy` or `postgres.unavailable`
 */
export async function requestConfirmation({ pool }: Orders, runId: number, by: string): Promise<RunView> {
  await getHeldRun({ pool }, runId);
  return ordered(pool, async (client) => {
    if (await hasOpenFullSync(client)) throw new AppError("run.busy", "A full run is under way");
    const run = await noteConfirmation(client, runId, by);
    if (!run) throw new AppError("run.not_held", `Run ${runId} holds no deletions any more`);
    await record(client, by, "deletions_confirmed", run);
    return run;
  });
}

function ordered<T>(pool: Pool, work: (client: Queryable) => Promise<T>): Promise<T> {
  return inTransaction(pool, work);
}

function record(client: Queryable, by: string, kind: string, run: RunView): Promise<void> {
  const details = { runId: run.id, mode: run.mode, held: run.counts.held };
  return recordAdminEvents(client, by, [{ clerkId: null, kind, details }]);
}
