import type { ConflictResolution } from "@rollcall/contracts";
import { dismissConflict, inTransaction, linkCandidate, type Pool } from "@rollcall/db";
import type { Producers } from "@rollcall/jobs";
import { dropSession } from "../ensure/drop-session.ts";
import type { SessionCache } from "../ensure/session-cache.ts";

/** What a change by a person needs: the rows, and the cache keys that they make stale. */
export type ChangeContext = {
  pool: Pool;
  sessionCache: SessionCache;
  /** Takes a sync job, should the cache be out of reach. */
  producers: Pick<Producers, "sync">;
};

/**
 * Carries out what a person decided about a conflict, and drops the user's cache keys.
 *
 * @param by who decided, for the timeline
 * @throws AppError `conflict.*` or `postgres.unavailable`
 */
export async function resolveConflict(
  context: ChangeContext,
  id: number,
  resolution: ConflictResolution,
  by: string,
): Promise<void> {
  const decided = inTransaction(context.pool, (client) =>
    "dismiss" in resolution
      ? dismissConflict(client, id, by)
      : linkCandidate(client, id, { ...resolution, by }),
  );
  await dropSession(context, await decided);
}
