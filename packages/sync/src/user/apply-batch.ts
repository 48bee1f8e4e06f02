import { AppError } from "@rollcall/contracts";
import {
  applySnapshots,
  evaluateConflicts,
  type GivenProfile,
  giveProfiles,
  inTransaction,
  type Pool,
  type ProfileDefaults,
  type ProfileOutcome,
  type ProfileRequest,
  type Queryable,
  readSqlState,
  splitOnRefusal,
  type UserSnapshot,
  waitBrieflyForLocks,
} from "@rollcall/db";

/** All that the write needs to know of one user. */
export type UserWrite = { snapshot: UserSnapshot; turma: string | null; secondaryEmails: readonly string[] };

/** What became of a user: the profile's outcome, or why this user alone could not be written. */
export type WriteOutcome = ProfileOutcome | AppError;

/**
 * Writes distinct users in one transaction of two statements. If Postgres refuses a value, the batch is halved until the
 * poisoned user is alone.
 *
 * @returns one outcome for each id
 * @throws PostgresError `postgres.unavailable` if Postgres fails for all users
 */
export async function applyBatch(
  pool: Pool,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  const outcomes = await splitOnRefusal(writes, (part) => writeBatch(pool, part, defaults), refuse);
  return new Map(outcomes.flatMap((part) => [...part]));
}

const uniqueViolation = "23505";

/** Twice when the app gives somebody a profile while we link another: the second transaction sees it. */
async function writeBatch(pool: Pool, writes: readonly UserWrite[], defaults: ProfileDefaults) {
  const write = () => inTransaction(pool, (client) => writeAll(client, writes, defaults));
  return write().catch((error: unknown) => {
    if (readSqlState(error) === uniqueViolation) return write();
    throw error;
  });
}

/** The write itself, inside a transaction. */
export async function writeAll(
  client: Queryable,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  await waitBrieflyForLocks(client);
  await applySnapshots(
    client,
    writes.map((write) => write.snapshot),
  );
  const given = await giveProfiles(client, writes.map(toProfileRequest), defaults);
  await evaluateTouched(client, given);
  return new Map(given.map(({ clerkId, outcome }) => [clerkId, outcome]));
}

function toProfileRequest({ snapshot, turma, secondaryEmails }: UserWrite): ProfileRequest {
  const { clerkId, cause, ref } = snapshot;
  return { clerkId, turma, secondaryEmails, cause, ref };
}

/** Conflicts of these users, and of others who hoped for a profile that was just linked. Nearly always none. */
async function evaluateTouched(client: Queryable, given: readonly GivenProfile[]): Promise<void> {
  const userIds = given.flatMap(({ hadConflict, userId }) => (hadConflict ? [userId] : []));
  const candidateIds = given.flatMap(({ linkedId }) => linkedId ?? []);
  if (userIds.length + candidateIds.length === 0) return;
  await evaluateConflicts(client, "sync", { userIds, candidateIds });
}

/** The outcome of a user that fails alone. An error of our own code must not stop the other users of the batch either. */
export function refuse({ snapshot }: UserWrite, error: unknown): Map<string, WriteOutcome> {
  const refusal =
    error instanceof AppError
      ? error
      : new AppError("internal", `A ${error instanceof Error ? error.name : "failure"} while writing`);
  return new Map([[snapshot.clerkId, refusal]]);
}
