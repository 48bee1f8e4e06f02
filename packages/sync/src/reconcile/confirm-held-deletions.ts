import { maxIdsPerRead } from "@rollcall/clerk";
import { AppError, type RunView } from "@rollcall/contracts";
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
  releaseDeletions,
  releaseLease,
  tombstoneEach,
} from "@rollcall/db";
import { askForAbsence, type Confirmation } from "./confirm-absent.ts";
import type { ReconcileContext } from "./context.ts";
import { dropCaches } from "./drop-caches.ts";
import { reportAbsent } from "./report.ts";
import { createRetryingClerk } from "./retrying-clerk.ts";

const leaseMs = 60_000;
const beatMs = 10_000;

/**
 * Carries out the deletions that a run held, since a person says that they are right. Clerk is asked about each
 * again: whoever is there after all is released. May be called again when it broke off.
 *
 * @param by who confirmed, for the run's row and the timeline
 * @throws AppError `run.unknown`, `run.not_held`, `run.superseded`, `run.busy`, `reconcile.unconfirmed`, or that
 * of a dependency that stayed away
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
  if (!lease) throw new AppError("run.busy", "A full run is under way");
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
    throw new AppError("run.not_held", `Run ${runId} holds no deletions`);
  if (await isNewestComplete(pool, runId)) return run;
  throw new AppError("run.superseded", `A run after ${runId} looked at everybody again`);
}

type Confirming = { run: RunView; lease: Lease; by: string; signal: AbortSignal };

async function confirmAll(context: ReconcileContext, confirming: Confirming): Promise<RunView> {
  const { signal } = confirming;
  const clerk = createRetryingClerk(context, signal);
  let { run } = confirming;
  let sentinel: string | null = null;
  for (;;) {
    const held = await listAbsent(context.pool, run.id, "", maxIdsPerRead - 1);
    if (held.length === 0) return run;
    const answer = await askForAbsence(clerk, held, sentinel);
    sentinel = answer.sentinel;
    const { failed } = await bury(context, confirming, answer);
    // Before they are cleared from the list: whoever goes on after a death in between drops them again.
    await dropCaches({ context, signal }, answer.absent);
    run = await clear(context, confirming, answer, failed);
    reportAbsent(context, answer.absent, "tombstoned");
  }
}

function bury(
  { pool }: ReconcileContext,
  { run, lease, by }: Confirming,
  { present, absent }: Confirmation,
): Promise<{ failed: number }> {
  return inTransaction(pool, async (client) => {
    if (!(await holdLease(client, lease))) throw new AppError("run.busy", "Another run took over");
    const { deleted, failed } = await tombstoneEach(client, absent, {
      by: "person",
      cause: "admin",
      ref: by,
    });
    await releaseDeletions(client, toIds(present));
    const confirmed = await confirmHeldRun(client, run.id, { deleted: deleted, failed, decided: 0, by });
    if (!confirmed) throw new AppError("run.not_held", `Run ${run.id} holds no deletions any more`);
    return { failed };
  });
}

/** Those whom Postgres refused stay held, and the next sweep looks at them again. */
function clear(
  { pool }: ReconcileContext,
  { run, lease, by }: Confirming,
  { present, absent }: Confirmation,
  failed: number,
): Promise<RunView> {
  const looked = [...toIds(present), ...absent];
  return inTransaction(pool, async (client) => {
    if (!(await holdLease(client, lease))) throw new AppError("run.busy", "Another run took over");
    await decideCandidates(client, run.id, { present: looked, absent: [] });
    const decided = looked.length - failed;
    const confirmed = await confirmHeldRun(client, run.id, { deleted: 0, failed: 0, decided, by });
    if (!confirmed) throw new AppError("run.not_held", `Run ${run.id} holds no deletions any more`);
    return confirmed;
  });
}

function toIds(listed: Confirmation["present"]): string[] {
  return listed.flatMap(({ clerkId }) => clerkId ?? []);
}
