import { addSyncJob, type Producers } from "@rollcall/jobs";
import type { SessionCache } from "./session-cache.ts";

const addDeadlineMs = 1_000;

/**
 * Drops a user's cache keys after a change that is committed, so that from here on nothing may say that it failed.
 * With the cache out of reach a look at the user does it later, since each ends by dropping them; with the queue
 * away as well, they end with their time to live.
 */
export async function dropSession(
  { sessionCache, producers }: { sessionCache: SessionCache; producers: Pick<Producers, "sync"> },
  clerkId: string,
): Promise<void> {
  const syncJob = { v: 1, kind: "refresh", clerkId, cause: "admin", eventAtMs: Date.now() } as const;
  await sessionCache
    .drop(clerkId)
    .catch(() => addSyncJob(producers.sync, syncJob, addDeadlineMs).catch(() => undefined));
}
