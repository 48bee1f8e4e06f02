import type { RunView } from "@rollcall/contracts";
import { listIdleRuns, type Pool, requestDueFullSync } from "@rollcall/db";

/** Long enough for whoever asked for a run to begin with it. */
const silentForMs = 5_000;
/** A failed sweep is tried again, not at once: what made it fail may last. */
const retryAfterMs = 30 * 60_000;

/**
 * Runs that somebody should work on: those that nobody does, because their runner died or nobody came, and a
 * first sweep, or one after a failure, when it is due.
 *
 * @throws AppError `postgres.unavailable`
 */
export async function claimIdleRuns({ pool }: { pool: Pool }): Promise<RunView[]> {
  await requestDueFullSync(pool, retryAfterMs);
  return listIdleRuns(pool, silentForMs);
}
