import type { ConflictResolution } from "@rollcall/contracts";
import { dismissConflict, inTransaction, linkCandidate, type Pool } from "@rollcall/db";
import { addNudge, type Producer } from "@rollcall/jobs";
import type { SessionCache } from "./session-cache.ts";
import { askPostgres } from "./time-limit.ts";

const nudgeDeadlineMs = 1_000;

/**
 * Carries out what a person decided about a conflict, and drops the user's cache keys.
 *
 * @param by who decided, for the timeline
 * @param queue takes a nudge, should the cache be out of reach
 * @throws AppError `conflict.*` or `postgres.unavailable`
 */
export async function resolveConflict(
  { pool, sessionCache, queue }: { pool: Pool; sessionCache: SessionCache; queue: Producer },
  id: number,
  resolution: ConflictResolution,
  by: string,
): Promise<void> {
  const decided = inTransaction(pool, (client) =>
    "dismiss" in resolution
      ? dismissConflict(client, id, by)
      : linkCandidate(client, id, { ...resolution, by }),
  );
  const clerkId = await askPostgres(decided);
  await sessionCache.drop(clerkId).catch(() => leaveToNudge(queue, clerkId));
}

/**
 * The decision is committed, so from here on nothing may say that it failed. A look at the user ends by dropping
 * the keys; if the queue is away as well, they end with their time to live.
 */
async function leaveToNudge(queue: Producer, clerkId: string): Promise<void> {
  const nudge = { v: 1, kind: "look", clerkId, cause: "admin", eventAtMs: Date.now() } as const;
  await addNudge(queue, nudge, nudgeDeadlineMs).catch(() => undefined);
}
