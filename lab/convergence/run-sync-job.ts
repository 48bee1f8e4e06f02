import { AppError } from "@rollcall/contracts";
import { findSession } from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import { type SyncContext, type SyncOutcome, syncUser } from "@rollcall/sync";
import type { Ledger } from "./ledger.ts";

/** Runs that ended without a look at Clerk, or found nobody there, write nothing. */
const writesNothing: ReadonlySet<SyncOutcome> = new Set<SyncOutcome>(["present", "absent", "held"]);

/**
 * Runs a sync job as a worker does. A queue forgets a sync job once its run is over, so by then the row must be at
 * least as new as Clerk was when the run began.
 *
 * @throws Error that names the invariant when it is not
 */
export async function runSyncJob(
  context: SyncContext,
  { accounts }: Ledger,
  kind: SyncJob["kind"],
  clerkId: string,
  look: number,
): Promise<void> {
  const seenAtMs = accounts.get(clerkId)?.versions.at(-1)?.updated_at;
  const outcome = await runDroppingAbsence(context, kind, clerkId, look);
  if (seenAtMs === undefined || outcome === undefined || writesNothing.has(outcome)) return;
  const row = (await findSession(context.pool, clerkId))?.user;
  const isOlder = row?.deletedAt === null && (row.clerkUpdatedAt?.getTime() ?? 0) < seenAtMs;
  if (!row || isOlder) throw new Error(`${clerkId}: a run ended and left the row older than what it saw`);
}

/** The queue would look again a moment later; a history drops that look, as it may drop any. */
async function runDroppingAbsence(
  context: SyncContext,
  kind: SyncJob["kind"],
  clerkId: string,
  look: number,
) {
  try {
    return await syncUser(context, { v: 1, kind, clerkId, cause: "webhook", eventAtMs: 0 }, look);
  } catch (error) {
    if (error instanceof AppError && error.code === "user.absent") return undefined;
    throw error;
  }
}
