import type { SyncAnswer, TierAnswer } from "@rollcall/contracts";
import { changeTier, findTombstones, inTransaction, type Pool, recordAdminEvents } from "@rollcall/db";
import { addSyncJob, type UserProducer } from "@rollcall/jobs";
import type { SessionCache } from "../ensure/session-cache.ts";

/** The services that an operator's change needs: the rows, and the cache keys that the change makes stale. */
export type ChangeContext = {
  pool: Pool;
  sessionCache: SessionCache;
  /** Takes a sync job when the cache cannot be invalidated. */
  producers: { sync: UserProducer };
};

const addDeadlineMs = 2_000;
const addedTogether = 50;

/**
 * Adds a sync job for each user. The request is recorded first: after a failed call the operator sends it again.
 *
 * @param by the operator, for the timeline
 * @throws AppError `queue.unavailable` or `postgres.unavailable`
 */
export async function requestSyncs(
  { pool, producers }: Omit<ChangeContext, "sessionCache">,
  clerkIds: readonly string[],
  by: string,
): Promise<SyncAnswer> {
  const distinct = [...new Set(clerkIds)];
  const deleted = new Set(await findTombstones(pool, distinct));
  const requested = distinct.filter((clerkId) => !deleted.has(clerkId));
  const events = requested.map((clerkId) => ({ clerkId, kind: "sync_requested", details: {} }));
  await recordAdminEvents(pool, by, events);
  for (let at = 0; at < requested.length; at += addedTogether) {
    const chunk = requested.slice(at, at + addedTogether);
    await Promise.all(chunk.map((clerkId) => addSyncJob(producers.sync, syncJobFor(clerkId), addDeadlineMs)));
  }
  return { queued: requested.length, deleted: [...deleted] };
}

/**
 * Gives a user another tier. The next login sees it.
 *
 * @param by the operator, for the timeline
 * @throws AppError `user.unknown`, `user.deleted`, `admin.changed_meanwhile`, `request.malformed` or
 * `postgres.unavailable`
 */
export async function setTier(
  context: ChangeContext,
  change: { clerkId: string; tier: string; expectedTier?: string | undefined },
  by: string,
): Promise<TierAnswer> {
  const { clerkId, tier } = change;
  await inTransaction(context.pool, (client) => changeTier(client, { ...change, by }));
  await invalidateAfterChange(context, clerkId);
  return { clerkId, tier };
}

const compensationDeadlineMs = 1_000;

/**
 * Deletes a user's cache keys after a committed change, which must not be reported as failed any more. While the cache is
 * away, a sync job deletes them later. While the queue is away too, they stay until they expire.
 */
export function invalidateAfterChange(
  { sessionCache, producers }: ChangeContext,
  clerkId: string,
): Promise<void> {
  return sessionCache.invalidate([clerkId], {
    onFailure: () =>
      addSyncJob(producers.sync, syncJobFor(clerkId), compensationDeadlineMs).catch(() => undefined),
  });
}

/** The sync job of an operator's request. */
export function syncJobFor(clerkId: string) {
  return { v: 1, kind: "refresh", clerkId, cause: "admin", eventAtMs: Date.now() } as const;
}
