import type { ClerkGateway } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  type Erasure,
  erasePerson,
  findSession,
  inTransaction,
  isErased,
  listAppColumns,
  listOtherLiveIds,
  type Pool,
  recordAdminEvents,
  tombstoneUsers,
} from "@rollcall/db";
import {
  listDeadLetters,
  type Producer,
  type Producers,
  readClerkId,
  removeDeadLetters,
} from "@rollcall/jobs";
import type { SessionCache } from "../ensure/session-cache.ts";

export type PurgeContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY: then only who is a tombstone already can be purged. */
  clerk: ClerkGateway | undefined;
  sessionCache: SessionCache;
  producers: Pick<Producers, "dead-letter">;
};

export type PurgeAnswer = Erasure & {
  deadLetters: number;
  /** Columns that the app added to our tables, which nobody but the app knows what to do with. */
  appColumns: string[];
};

/**
 * Erases what is left of a deleted user everywhere that is ours; the Clerk id stays in the tombstone, and so does who
 * asked. One who is live here is deleted first, if Clerk says that they are gone; so is one whose row the app marked as
 * deleted, and which nobody erased. May be asked again: whatever failed in the middle is then finished.
 *
 * @param by who asked, for the timeline
 * @throws AppError `user.unknown`, `user.not_deleted`, `request.malformed`, `queue.unavailable`,
 * `postgres.unavailable` or `clerk.*`
 */
export async function purgeUser(
  context: PurgeContext,
  clerkId: string,
  wish: { candidates: readonly number[]; keepProfile: boolean },
  by: string,
): Promise<PurgeAnswer> {
  const { pool } = context;
  const session = await findSession(pool, clerkId);
  const isTombstone = session === undefined || isErased(session);
  if (!isTombstone) await confirmGone(context, clerkId);
  const erased = inTransaction(pool, async (client) => {
    if (!isTombstone) await tombstoneUsers(client, [{ clerkId, by: "person", cause: "admin", ref: by }]);
    const erasure = await erasePerson(client, clerkId, wish);
    const details = { erased: erasure.erased.join(" "), kept: erasure.kept.join(" ") };
    await recordAdminEvents(client, by, [{ clerkId, kind: "user_purged", details }]);
    return erasure;
  });
  const erasure = await erased;
  await dropKeys(context, clerkId);
  const deadLetters = await removeLetters(context.producers["dead-letter"], clerkId);
  return { ...erasure, deadLetters, appColumns: await listAppColumns(pool) };
}

const maxSentinels = 20;

/** An erasure cannot be taken back, and with another instance's key nobody of ours is at Clerk. */
async function confirmGone({ pool, clerk }: PurgeContext, clerkId: string): Promise<void> {
  if (!clerk) throw notDeleted("without CLERK_SECRET_KEY Clerk cannot be asked");
  const reading = await clerk.readUser(clerkId);
  if (!("absent" in reading)) throw notDeleted("Clerk has them");
  const others = await listOtherLiveIds(pool, clerkId, maxSentinels);
  if (others.length > 0 && (await clerk.readUsers(others)).size === 0)
    throw notDeleted("Clerk has none of our users: is CLERK_SECRET_KEY of this instance?");
}

function notDeleted(hint: string): AppError {
  return new AppError("user.not_deleted", "A user who may not be gone is not purged", { hint });
}

/** Here a key that stays is no delay but a failure: it holds the person. */
async function dropKeys({ sessionCache }: PurgeContext, clerkId: string): Promise<void> {
  try {
    await sessionCache.drop(clerkId);
  } catch (error) {
    const hint = "the rows are erased and the cache is not: purge again";
    throw new AppError("queue.unavailable", "The session cache was not dropped", { cause: error, hint });
  }
}

/** Nothing is left to do for a tombstone. @returns how many there were */
async function removeLetters(deadLetters: Producer, clerkId: string): Promise<number> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listDeadLetters(deadLetters, { cursor, limit: 200 });
    ids.push(...page.items.filter((letter) => readClerkId(letter) === clerkId).map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  await removeDeadLetters(deadLetters, ids);
  return ids.length;
}
