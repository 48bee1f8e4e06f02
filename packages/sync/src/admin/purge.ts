import type { ClerkGateway } from "@rollcall/clerk";
import { AppError, type PurgePart, type RowKey, rowKey } from "@rollcall/contracts";
import {
  type Erasure,
  erasePerson,
  findSession,
  inRolledBackTransaction,
  inTransaction,
  isErased,
  listAppColumns,
  listOtherLiveIds,
  type Pool,
  type Queryable,
  recordAdminEvents,
  tombstoneUsers,
} from "@rollcall/db";
import { listDeadLetters, type Producers, readClerkId, removeDeadLetters } from "@rollcall/jobs";
import { z } from "zod";
import type { SessionCache } from "../ensure/session-cache.ts";

export type PurgeContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY: then only a tombstone can be purged. */
  clerk: ClerkGateway | undefined;
  sessionCache: SessionCache;
  producers: Pick<Producers, "dead-letter">;
};

export type Purge = Erasure & {
  /** Name, email and image were still in the user's row. */
  hadRow: boolean;
  deadLetters: number;
  /** Columns that the app added to our tables. Only the app can erase them. */
  appColumns: string[];
};

export type PurgeOptions = { candidates: readonly RowKey[]; keepProfile: boolean };

/** What a purge has done so far. A process that goes on after another one's death reports it too. */
export const purgeProgress = z.object({
  hadRow: z.boolean(),
  erasure: z.object({
    erased: z.array(rowKey),
    kept: z.array(rowKey),
    candidates: z.array(rowKey),
    reasons: z.number(),
    fingerprints: z.number(),
  }),
  /** Ids of dead letters that were to be removed. */
  letters: z.array(z.string()),
});

export type PurgeProgress = z.infer<typeof purgeProgress>;

/** How a purge that may be continued by another process keeps its place. */
export type PurgeRecord = {
  before: PurgeProgress | undefined;
  /** Proves that no other process works on it, in the transaction if there is one. */
  hold(db: Queryable): Promise<void>;
  store(db: Queryable, progress: PurgeProgress): Promise<void>;
};

/** The CLI repeats a purge instead. */
const unrecorded: PurgeRecord = {
  before: undefined,
  hold: async () => undefined,
  store: async () => undefined,
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
  options: PurgeOptions,
  by: string,
  record = unrecorded,
): Promise<Purge> {
  const { pool, producers } = context;
  const done = record.before ?? (await eraseRows(context, clerkId, options, by, record));
  await invalidateCache(context, clerkId);
  const found = await findLetters(context, clerkId, record);
  const letters = [...new Set([...done.letters, ...found])];
  await record.store(pool, { ...done, letters });
  await removeDeadLetters(producers["dead-letter"], found);
  const { erasure, hadRow } = done;
  return { ...erasure, hadRow, deadLetters: letters.length, appColumns: await listAppColumns(pool) };
}

async function eraseRows(
  context: PurgeContext,
  clerkId: string,
  options: PurgeOptions,
  by: string,
  record: PurgeRecord,
): Promise<PurgeProgress> {
  const hadRow = await isAllowed(context, clerkId);
  return inTransaction(context.pool, async (client) => {
    await record.hold(client);
    const erasure = await erase(client, { clerkId, hadRow, options, by });
    const progress = { hadRow, erasure, letters: [] };
    // In this transaction: after a death in between, the next process would find nothing to erase, and say so.
    await record.store(client, progress);
    return progress;
  });
}

/**
 * Finds out what a purge would erase: it erases in a transaction that is rolled back.
 *
 * @throws the errors of `purgeUser`
 */
export async function previewPurge(
  context: PurgeContext,
  clerkId: string,
  options: PurgeOptions,
  by: string,
  record = unrecorded,
): Promise<Purge> {
  const { pool } = context;
  const hadRow = await isAllowed(context, clerkId);
  const work = { clerkId, hadRow, options, by };
  const erasure = await inRolledBackTransaction(pool, (client) => erase(client, work));
  const letters = await findLetters(context, clerkId, record);
  return { ...erasure, hadRow, deadLetters: letters.length, appColumns: await listAppColumns(pool) };
}

/** @returns whether the row still holds personal data @throws AppError `user.not_deleted` */
async function isAllowed(context: PurgeContext, clerkId: string): Promise<boolean> {
  const session = await findSession(context.pool, clerkId);
  if (session === undefined || isErased(session)) return false;
  await confirmGone(context, clerkId);
  return true;
}

async function erase(
  client: Queryable,
  { clerkId, hadRow, options, by }: { clerkId: string; hadRow: boolean; options: PurgeOptions; by: string },
): Promise<Erasure> {
  if (hadRow) await tombstoneUsers(client, [{ clerkId, by: "person", cause: "admin", ref: by }]);
  const erasure = await erasePerson(client, clerkId, options);
  const details = { erased: erasure.erased.join(" "), kept: erasure.kept.join(" ") };
  await recordAdminEvents(client, by, [{ clerkId, kind: "user_purged", details }]);
  return erasure;
}

/** What a purge erases, and what it leaves, part by part. */
export function describePurge(
  clerkId: string,
  purge: Purge,
  { candidates }: Pick<PurgeOptions, "candidates">,
): { goes: PurgePart[]; stays: PurgePart[] } {
  const part = (what: PurgePart["what"], of: readonly (string | number)[], count = of.length): PurgePart => ({
    what,
    of: of.map(String),
    count,
  });
  const theirs = purge.erased.filter((id) => !candidates.includes(id));
  const goes = [
    part("row", [], purge.hadRow ? 1 : 0),
    part("profile", theirs),
    part("candidate", candidates),
    part("reasons", [], purge.reasons),
    part("fingerprints", [], purge.fingerprints),
    part("dead_letters", [], purge.deadLetters),
  ];
  const stays = [
    part("profile", purge.kept),
    part("candidate", purge.candidates),
    part("app_columns", purge.appColumns),
  ];
  return {
    goes: [...goes.filter(({ count }) => count > 0), part("session_cache", [], 1)],
    stays: [
      ...stays.filter(({ count }) => count > 0),
      part("clerk_id", [clerkId]),
      part("operator_names", [], 1),
    ],
  };
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

/** The ids of the user's dead letters: a tombstone needs no replay. */
async function findLetters(
  { pool, producers }: PurgeContext,
  clerkId: string,
  { hold }: Pick<PurgeRecord, "hold">,
): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    await hold(pool);
    const page = await listDeadLetters(producers["dead-letter"], { cursor, limit: 200 });
    ids.push(...page.items.filter((letter) => readClerkId(letter) === clerkId).map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}
