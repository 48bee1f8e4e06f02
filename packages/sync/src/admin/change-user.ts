import type { SyncAnswer, TierAnswer } from "@rollcall/contracts";
import { changeTier, findTombstones, inTransaction, recordAdminEvents } from "@rollcall/db";
import { addSyncJob } from "@rollcall/jobs";
import { dropSession } from "../ensure/drop-session.ts";
import type { ChangeContext } from "./resolve-conflict.ts";

const addDeadlineMs = 2_000;
const addedTogether = 50;

/**
 * Has users looked at again, as if Clerk had told of a change. First the record, then the jobs: what was asked for
 * and not queued is asked for again.
 *
 * @param by who asked, for the timeline
 * @throws AppError `queue.unavailable` or `postgres.unavailable`
 */
export async function requestSyncs(
  { pool, producers }: Omit<ChangeContext, "sessionCache">,
  clerkIds: readonly string[],
  by: string,
): Promise<SyncAnswer> {
  const wanted = [...new Set(clerkIds)];
  const deleted = new Set(await findTombstones(pool, wanted));
  const asked = wanted.filter((clerkId) => !deleted.has(clerkId));
  const events = asked.map((clerkId) => ({ clerkId, kind: "sync_requested", details: {} }));
  await recordAdminEvents(pool, by, events);
  for (let at = 0; at < asked.length; at += addedTogether) {
    const chunk = asked.slice(at, at + addedTogether);
    await Promise.all(chunk.map((clerkId) => addSyncJob(producers.sync, syncJobFor(clerkId), addDeadlineMs)));
  }
  return { queued: asked.length, deleted: [...deleted] };
}

function syncJobFor(clerkId: string) {
  return { v: 1, kind: "refresh", clerkId, cause: "admin", eventAtMs: Date.now() } as const;
}

/**
 * Gives a user another tier; the next login sees it.
 *
 * @param by who asked, for the timeline
 * @throws AppError `user.unknown`, `user.deleted`, `request.malformed` or `postgres.unavailable`
 */
export async function setTier(
  context: ChangeContext,
  { clerkId, tier }: { clerkId: string; tier: string },
  by: string,
): Promise<TierAnswer> {
  await inTransaction(context.pool, (client) => changeTier(client, { clerkId, tier, by }));
  await dropSession(context, clerkId);
  return { clerkId, tier };
}
