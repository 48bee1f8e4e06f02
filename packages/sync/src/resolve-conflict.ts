import type { ConflictResolution } from "@rollcall/contracts";
import { dismissConflict, inTransaction, linkCandidate, type Pool } from "@rollcall/db";
import type { SessionCache } from "./session-cache.ts";

/**
 * Carries out what a person decided about a conflict, and drops the user's cache keys.
 *
 * @param by who decided, for the timeline
 * @throws AppError `conflict.*`
 */
export async function resolveConflict(
  { pool, sessionCache }: { pool: Pool; sessionCache: SessionCache },
  id: number,
  resolution: ConflictResolution,
  by: string,
): Promise<void> {
  const clerkId = await inTransaction(pool, (client) =>
    "dismiss" in resolution
      ? dismissConflict(client, id, by)
      : linkCandidate(client, id, { ...resolution, by }),
  );
  await sessionCache.drop(clerkId);
}
