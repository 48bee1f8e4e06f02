import { setTimeout as sleep } from "node:timers/promises";
import { hasOpenFullSync, type Pool, pruneEvents } from "@rollcall/db";

/**
 * Deletes all events that are due. It rests after each statement for as long as the statement took, and
 * stops while a full sync is open, because a sync of many users needs Postgres for itself. The next turn goes on.
 */
export async function pruneOldEvents(pool: Pool, signal: AbortSignal): Promise<void> {
  let after: Date | null = null;
  do {
    const startedAtMs = performance.now();
    const { upTo } = await pruneEvents(pool, { after });
    after = upTo;
    await sleep(after ? performance.now() - startedAtMs : 0, undefined, { signal }).catch(() => undefined);
  } while (after && !signal.aborted && !(await hasOpenFullSync(pool)));
}
