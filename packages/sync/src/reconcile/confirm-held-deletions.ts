import { AppError, type Hint, type RunView } from "@rollcall/contracts";
import {
  acquireLease,
  confirmHeldRun,
  decideCandidates,
  findRun,
  holdLease,
  inTransaction,
  isNewestComplete,
  type Lease,
  leaseName,
  listAbsent,
  type Queryable,
  readRecentVersions,
  releaseDeletions,
  releaseLease,
  tombstoneEach,
} from "@rollcall/db";
import {
  type AbsenceAnswer,
  confirmAbsence,
  longestListLagMs,
  maxIdsPerConfirmation,
} from "../user/confirm-absence.ts";
import { confirmHeldEntries } from "./confirm-held-entries.ts";
import { toIds } from "./delete-missing.ts";
import { createRetryingClerk } from "./retrying-clerk.ts";
import type { ReconcileContext } from "./runner.ts";
import { invalidateSessions, reportAbsent } from "./write-page.ts";

const leaseMs = 60_000;
const beatMs = 10_000;

/**
 * Carries out the held deletions of a run after an operator's confirmation. It asks Clerk about each user again, and
 * releases the users that exist. After a failure it may be called again.
 *
 * @param by the operator, for the run's row and the timeline
 * @throws AppError `run.unknown`, `run.not_held`, `run.superseded`, `run.busy`, `reconcile.unconfirmed`, or the error of
 * a dependency that stayed away
 */
export async function confirmDeletions(
  context: ReconcileContext,
  runId: number,
  by: string,
  { signal = new AbortController().signal }: { signal?: AbortSignal } = {},
): Promise<RunView> {
  const { pool } = context;
  const run = await getHeldRun(context, runId);
  const lease = await acquireLease(pool, leaseName(run), leaseMs);
  if (!lease) throw new AppError("run.busy", "A full sync is running");
  const beats = setInterval(() => void holdLease(pool, lease).catch(() => undefined), beatMs);
  try {
    return await confirmAll(context, { run, lease, by, signal });
  } finally {
    clearInterval(beats);
    await releaseLease(pool, lease).catch(() => undefined);
  }
}

/**
 * The run whose deletions may be confirmed.
 *
 * @throws AppError `run.unknown`, `run.not_held` or `run.superseded`
 */
export async function getHeldRun({ pool }: Pick<ReconcileContext, "pool">, runId: number): Promise<RunView> {
  const run = await findRun(pool, runId);
  if (!run) throw new AppError("run.unknown", `There is no run ${runId}`);
  if (run.state !== "held" || run.dryRun)
    throw new AppError("run.not_held", `Run ${runId} holds no deletions`, describeDecision(run));
  if (await isNewestComplete(pool, runId)) return run;
  throw new AppError("run.superseded", `A full sync after run ${runId} has compared every user again`);
}

/** An operator that comes second learns which one confirmed. */
function describeDecision({ confirmedBy }: RunView): { hint?: Hint } {
  if (confirmedBy === null) return {};
  return { hint: { "pt-BR": `confirmadas por ${confirmedBy}`, en: `confirmed by ${confirmedBy}` } };
}

type Confirmation = { run: RunView; lease: Lease; by: string; signal: AbortSignal };

async function confirmAll(context: ReconcileContext, confirmation: Confirmation): Promise<RunView> {
  const { signal } = confirmation;
  const clerk = createRetryingClerk(context, signal);
  let { run } = confirmation;
  let sentinel: string | null = null;
  for (;;) {
    const held = await listAbsent(context.pool, run.id, "", maxIdsPerConfirmation);
    if (held.length === 0) break;
    const versions = await readRecentVersions(context.pool, held, longestListLagMs);
    const answer = await confirmAbsence(clerk, held, sentinel, versions);
    sentinel = answer.sentinel;
    const { failed } = await deleteAbsent(context, confirmation, answer);
    // Before the users leave the list: if this process dies in between, the next call invalidates them again.
    await invalidateSessions({ context, signal }, answer.absent);
    run = await clear(context, confirmation, answer, failed);
    reportAbsent(context, answer.absent, "tombstoned");
  }
  if (!context.pool.tables.organizations) return run;
  const endHeld = { context, clerk, signal, by: confirmation.by };
  return confirmHeldEntries(endHeld, run, (step) => inLease(context, confirmation, step));
}

/** Records what a step decided. A held run that another call ended undoes the step. */
function inLease(
  { pool }: ReconcileContext,
  { run, lease, by }: Confirmation,
  step: (client: Queryable) => Promise<{ deleted: number; failed: number; decided: number }>,
): Promise<RunView> {
  return inTransaction(pool, async (client) => {
    if (!(await holdLease(client, lease))) throw new AppError("run.busy", "Another process took the lease");
    const confirmed = await confirmHeldRun(client, run.id, { ...(await step(client)), by });
    if (!confirmed) throw new AppError("run.not_held", `Run ${run.id} holds no deletions any more`);
    return confirmed;
  });
}

async function deleteAbsent(
  context: ReconcileContext,
  confirmation: Confirmation,
  { present, absent }: AbsenceAnswer,
): Promise<{ failed: number }> {
  const { by } = confirmation;
  let failed = 0;
  await inLease(context, confirmation, async (client) => {
    const why = { by: "person", cause: "admin", ref: by } as const;
    const { deleted, refused } = await tombstoneEach(client, absent, why);
    await releaseDeletions(client, toIds(present));
    failed = refused.length;
    return { deleted: deleted.length, failed, decided: 0 };
  });
  return { failed };
}

/** Takes decided users off the run's list. A deletion that Postgres refused stays held until the next full sync. */
function clear(
  context: ReconcileContext,
  confirmation: Confirmation,
  { present, absent }: AbsenceAnswer,
  failed: number,
): Promise<RunView> {
  const decidedIds = [...toIds(present), ...absent];
  return inLease(context, confirmation, async (client) => {
    await decideCandidates(client, confirmation.run.id, { present: decidedIds, absent: [] });
    return { deleted: 0, failed: 0, decided: decidedIds.length - failed };
  });
}
