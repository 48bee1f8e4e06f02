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
  /** Undefined without CLERK_SECRET_KEY: then only a tombstone can be purged. */
  clerk: ClerkGateway | undefined;
  sessionCache: SessionCache;
  producers: Pick<Producers, "dead-letter">;
};

export type PurgeAnswer = Erasure & {
  deadLetters: number;
  /** Columns that the app added to our tables. Only the app can erase them. */
  appColumns: string[];
};

/**
 * Erases the remaining data of a deleted user in everything that Rollcall owns. The Clerk id and the operator's name stay.
 * A live user is deleted first, if Clerk confirms the deletion. The same holds for a row that the app itself
 * marked as deleted, which Rollcall never erased. After a failure in the middle, a second call finishes the work.
 *
 * @param by the operator, for the timeline
 * @throws AppError `user.unknown`, `user.not_deleted`, `request.malformed`, `queue.unavailable`,
 * `postgres.unavailable` or `clerk.*`
 */
export async function purgeUser(
  context: PurgeContext,
  clerkId: string,
  options: { candidates: readonly number[]; keepProfile: boolean },
  by: string,
): Promise<PurgeAnswer> {
  const { pool } = context;
  const session = await findSession(pool, clerkId);
  const isTombstone = session === undefined || isErased(session);
  if (!isTombstone) await confirmGone(context, clerkId);
  const erasure = await inTransaction(pool, async (client) => {
    if (!isTombstone) await tombstoneUsers(client, [{ clerkId, by: "person", cause: "admin", ref: by }]);
    const { erased, kept, ...rest } = await erasePerson(client, clerkId, options);
    const details = { erased: erased.join(" "), kept: kept.join(" ") };
    await recordAdminEvents(client, by, [{ clerkId, kind: "user_purged", details }]);
    return { erased, kept, ...rest };
  });
  await invalidateCache(context, clerkId);
  const deadLetters = await removeLetters(context.producers["dead-letter"], clerkId);
  return { ...erasure, deadLetters, appColumns: await listAppColumns(pool) };
}

const maxSentinels = 20;

/** An erasure is final. With the key of another Clerk instance, every user of ours would look absent. */
async function confirmGone({ pool, clerk }: PurgeContext, clerkId: string): Promise<void> {
  if (!clerk) throw notDeleted("without CLERK_SECRET_KEY, Clerk cannot confirm the deletion");
  const result = await clerk.readUser(clerkId);
  if (!("absent" in result)) throw notDeleted("Clerk has them");
  const others = await listOtherLiveIds(pool, clerkId, maxSentinels);
  if (others.length > 0 && (await clerk.readUsers(others)).size === 0)
    throw notDeleted("Clerk has none of our users: does CLERK_SECRET_KEY belong to this instance?");
}

function notDeleted(hint: string): AppError {
  return new AppError("user.not_deleted", "Clerk did not confirm the deletion of this user", { hint });
}

/** A key that stays holds personal data, so a failed invalidation fails the purge. */
function invalidateCache({ sessionCache }: PurgeContext, clerkId: string): Promise<void> {
  const hint = "the rows are erased and the session cache is not: purge again";
  return sessionCache.invalidate([clerkId], {
    onFailure: (cause) => {
      throw new AppError(cause.code, cause.message, { cause, hint });
    },
  });
}

/** Removes the user's dead letters: a tombstone needs no replay. @returns their number */
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
