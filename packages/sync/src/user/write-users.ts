import { type AppError, isOutage } from "@rollcall/contracts";
import {
  applySnapshots,
  evaluateConflicts,
  type GivenProfile,
  giveProfiles,
  type InsertedUser,
  insertNewUsers,
  inWriteTransaction,
  isTooSlow,
  type Pool,
  type ProfileDefaults,
  type ProfileOutcome,
  type ProfileRequest,
  type Queryable,
  readSqlState,
  splitOnRefusal,
} from "@rollcall/db";
import type { Tracing } from "@rollcall/observability";
import { createCoalescedWriter, isNewerRead, toRefusal } from "../coalesce/coalesced-writer.ts";
import type { UserWrite } from "./rules.ts";

/** Writes one user, together with the other users that are written at this moment. @throws AppError */
export type UserWriter = (write: UserWrite) => Promise<ProfileOutcome>;

/** The result for one user: the profile's outcome, or the reason why this user alone was not written. */
export type WriteOutcome = ProfileOutcome | AppError;

/** Coalesces up to 200 concurrent writes into one transaction. */
export function createUserWriter(pool: Pool, defaults: ProfileDefaults, tracing?: Tracing): UserWriter {
  return createCoalescedWriter<UserWrite, ProfileOutcome>(
    { one: "user", many: "users" },
    {
      keyOf: ({ snapshot }) => snapshot.clerkId,
      isNewer: (one, other) => isNewerRead(one.snapshot, other.snapshot),
      write: (writes) => writeUsers(pool, writes, defaults),
    },
    tracing,
  );
}

/**
 * Writes distinct users in one transaction of two statements. If Postgres refuses a value, the batch is halved until
 * the poisoned user is alone. The other users are still written.
 *
 * @returns one outcome for each id
 * @throws PostgresError `postgres.unavailable` when Postgres fails for every user
 */
export async function writeUsers(
  pool: Pool,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  const outcomes = await splitOnRefusal(writes, (part) => writeBatch(pool, part, defaults), refuse);
  return new Map(outcomes.flatMap((part) => [...part]));
}

const uniqueViolation = "23505";

/** Runs twice if the app gives a user a profile while we link another one: the second transaction sees it. */
async function writeBatch(pool: Pool, writes: readonly UserWrite[], defaults: ProfileDefaults) {
  const write = () => inWriteTransaction(pool, (client) => writeInTransaction(client, writes, defaults));
  return write().catch((error: unknown) => {
    if (readSqlState(error) === uniqueViolation) return write();
    throw error;
  });
}

/** Half of a statement's limit. The two statements of `writeUsers` may take twice as long, and so may the app's triggers. */
const longestInsertMs = 5_000;
/**
 * The statement sees the state at its start. While it waits for a row that is made at this moment, the app may add a profile
 * with the address of another user of the page, whose match it would miss.
 */
const longestInsertWaitMs = 100;

/**
 * Writes users that should have no row, in one statement. It leaves alone whatever it was not made for, and all of them if
 * Postgres refuses one, or the statement takes or waits too long.
 *
 * @returns the users that got their rows. Those without an outcome, and all others, are left to `writeUsers`
 * @throws PostgresError `postgres.unavailable` when Postgres fails for every user
 */
export async function writeNewUsers(
  pool: Pool,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, InsertedUser["outcome"]>> {
  const users = writes.map((write) => ({ snapshot: write.snapshot, request: toProfileRequest(write) }));
  try {
    const limits = { statementMs: longestInsertMs, lockMs: longestInsertWaitMs };
    const inserted = await inWriteTransaction(
      pool,
      (client) => insertNewUsers(client, users, defaults),
      limits,
    );
    return new Map(inserted.map(({ clerkId, outcome }) => [clerkId, outcome]));
  } catch (error) {
    if (isOutage(error) && !isTooSlow(error)) throw error;
    return new Map();
  }
}

/** The two statements of the write, inside the caller's transaction, which `prepareWrite` or `inWriteTransaction` prepared. */
export async function writeInTransaction(
  client: Queryable,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  await applySnapshots(
    client,
    writes.map((write) => write.snapshot),
  );
  const given = await giveProfiles(client, writes.map(toProfileRequest), defaults);
  await evaluateTouchedConflicts(client, given);
  return new Map(given.map(({ clerkId, outcome }) => [clerkId, outcome]));
}

function toProfileRequest({
  snapshot,
  metadata,
  secondaryEmails,
  similarEmails = [],
}: UserWrite): ProfileRequest {
  const { clerkId, name, imageUrl, cause, ref } = snapshot;
  return { clerkId, metadata, name, imageUrl, secondaryEmails, similarEmails, cause, ref };
}

/** Evaluates the conflicts of these users, and those that name a profile that was just linked. Mostly there are none. */
async function evaluateTouchedConflicts(client: Queryable, given: readonly GivenProfile[]): Promise<void> {
  const userIds = given.flatMap(({ hadConflict, userId }) =>
    hadConflict && userId !== undefined ? [userId] : [],
  );
  const candidateIds = given.flatMap(({ linkedId }) => linkedId ?? []);
  if (userIds.length + candidateIds.length === 0) return;
  await evaluateConflicts(client, "sync", { userIds, candidateIds });
}

/** The outcome of a user that fails alone. */
export function refuse({ snapshot }: UserWrite, error: unknown): Map<string, WriteOutcome> {
  return new Map([[snapshot.clerkId, toRefusal(error)]]);
}
