import { AppError, type Hint, type RunMode, type RunState, type RunView } from "@rollcall/contracts";
import {
  type AdminAction,
  cancelOpenRun,
  describeChange,
  findLastActions,
  requestRun as findOrMakeRun,
  findRun,
  hasOpenFullSync,
  inTransaction,
  lockRun,
  noteConfirmation,
  type Pool,
  type Queryable,
  recordAdminEvents,
} from "@rollcall/db";
import { getHeldRun } from "./confirm-held-deletions.ts";

/** The operator, whose request goes into the timeline, or the part of a program that requests a run. */
export type RunRequester = { operator: string } | { program: string };

/**
 * Requests a run: makes its row, or finds the unfinished run of this mode. The caller then adds a job or calls
 * `runReconcile`. If it does neither, a worker claims the run within seconds.
 *
 * @throws AppError `postgres.unavailable`
 */
export function requestRun(
  { pool }: { pool: Pool },
  { mode, dryRun }: { mode: RunMode; dryRun: boolean },
  requester: RunRequester,
): Promise<{ run: RunView; isNew: boolean }> {
  if ("program" in requester) return findOrMakeRun(pool, { mode, dryRun, startedBy: requester.program });
  const { operator } = requester;
  return inTransaction(pool, async (client) => {
    const requested = await findOrMakeRun(client, { mode, dryRun, startedBy: operator });
    if (requested.isNew) await record(client, operator, "reconcile_requested", requested.run);
    return requested;
  });
}

/**
 * Cancels a run. A runner stops within seconds. A run without a runner ends at once.
 *
 * @param by the operator, for the timeline
 * @throws AppError `run.unknown`, `run.finished`, `admin.changed_meanwhile` or `postgres.unavailable`
 */
export function cancelRun({ pool }: { pool: Pool }, runId: number, by: string): Promise<RunView> {
  return inTransaction(pool, async (client) => {
    const cancelled = await cancelOpenRun(client, runId, by);
    if (cancelled) {
      await record(client, by, "reconcile_cancelled", cancelled);
      return cancelled;
    }
    const run = await findRun(client, runId);
    if (!run) throw new AppError("run.unknown", `There is no run ${runId}`);
    const last = await findLastAction(client, runId);
    if (!run.cancelRequested || run.finishedAt !== null)
      throw new AppError("run.finished", `Run ${runId} is ${run.state}`, { hint: describeEnd(run, last) });
    // The operator repeats the call.
    if (last?.by === by) return run;
    throw new AppError("admin.changed_meanwhile", `The end of run ${runId} was requested already`, {
      hint: describeChange(last, { "pt-BR": "o cancelamento já foi pedido", en: "it is being cancelled" }),
    });
  });
}

async function findLastAction(db: Queryable, runId: number): Promise<AdminAction | undefined> {
  return (await findLastActions(db, "runId", [String(runId)]))[0];
}

const states: Record<RunState, string> = {
  waiting: "em espera",
  running: "em andamento",
  succeeded: "concluída",
  held: "com exclusões retidas",
  failed: "falhou",
  cancelled: "cancelada",
};

function describeEnd({ state, finishedAt }: RunView, last: AdminAction | undefined): Hint {
  if (state === "cancelled" && last) return describeChange(last, { "pt-BR": states.cancelled, en: state });
  return { "pt-BR": `${states[state]}, ${finishedAt}`, en: `${state}, ${finishedAt}` };
}

/**
 * Records an operator's confirmation of a run's held deletions. `confirmDeletions` carries them out.
 *
 * @param by the operator, for the run's row and the timeline
 * @throws AppError `run.unknown`, `run.not_held`, `run.superseded`, `run.busy`, `run.confirmed` or `postgres.unavailable`
 */
export async function requestConfirmation(
  { pool }: { pool: Pool },
  runId: number,
  by: string,
): Promise<RunView> {
  await getHeldRun({ pool }, runId);
  return inTransaction(pool, async (client) => {
    if (await hasOpenFullSync(client)) throw new AppError("run.busy", "A full sync is running");
    const before = await lockRun(client, runId);
    if (before?.confirmedBy && before.confirmedBy !== by) await refuseConfirmed(client, runId);
    const run = await noteConfirmation(client, runId, by);
    if (!run) throw new AppError("run.not_held", `Run ${runId} holds no deletions any more`);
    await record(client, by, "deletions_confirmed", run);
    return run;
  });
}

/** The worker gives a confirmation up after some minutes. Then another operator may confirm again. */
const confirmedForMs = 5 * 60_000;

async function refuseConfirmed(client: Queryable, runId: number): Promise<void> {
  const last = await findLastAction(client, runId);
  if (!last || Date.now() - last.at.getTime() > confirmedForMs) return;
  throw new AppError("run.confirmed", `The deletions of run ${runId} are confirmed already`, {
    hint: describeChange(last, {
      "pt-BR": "as exclusões estão em andamento",
      en: "they are being carried out",
    }),
  });
}

function record(client: Queryable, by: string, kind: string, run: RunView): Promise<void> {
  const details = { runId: run.id, mode: run.mode, dryRun: run.dryRun, held: run.counts.held };
  return recordAdminEvents(client, by, [{ clerkId: null, kind, details }]);
}
