import type { ConflictResolution } from "@rollcall/contracts";
import { dismissConflict, inTransaction, linkCandidate } from "@rollcall/db";
import { type ChangeContext, invalidateAfterChange } from "./change-user.ts";

/**
 * Carries out an operator's decision about a conflict, and invalidates the user's cache keys.
 *
 * @param by the operator, for the timeline
 * @throws AppError `conflict.*` or `postgres.unavailable`
 */
export async function resolveConflict(
  context: ChangeContext,
  id: number,
  resolution: ConflictResolution,
  by: string,
): Promise<void> {
  const clerkId = await inTransaction(context.pool, (client) =>
    "dismiss" in resolution
      ? dismissConflict(client, id, by)
      : linkCandidate(client, id, { ...resolution, by }),
  );
  await invalidateAfterChange(context, clerkId);
}
