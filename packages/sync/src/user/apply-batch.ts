import { AppError } from "@rollcall/contracts";
import {
  applySnapshots,
  evaluateConflicts,
  type GivenProfile,
  giveProfiles,
  inTransaction,
  isOutage,
  type Pool,
  type ProfileDefaults,
  type ProfileOutcome,
  type ProfileRequest,
  type Queryable,
  readSqlState,
  type UserSnapshot,
  waitBrieflyForLocks,
} from "@rollcall/db";

/** All that the write needs to know of one user. */
export type UserWrite = { snapshot: UserSnapshot; turma: string | null; secondaryEmails: readonly string[] };

/** What became of a user: the profile's outcome, or why this user alone could not be written. */
export type WriteOutcome = ProfileOutcome | AppError;

/**
 * Writes distinct users in one transaction of two statements. Values that Postgres refuses halve the batch
 * until the poison is alone, so that it costs nobody else.
 *
 * @returns one outcome for each id
 * @throws AppError `postgres.unavailable` when Postgres fails for everybody
 */
export async function applyBatch(
  pool: Pool,
  writes: readonly UserWrite[],
  defaults: ProfileDefaults,
): Promise<Map<string, WriteOutcome>> {
  try {
    return await writeBatch(pool, writes, defaults);
  } catch (error) {
    if (isOutage(error)) throw error;
    const [only] = writes;
    if (writes.length === 1 && only) return new Map([[only.snapshot.clerkId, toAppError(error)]]);
    const middle = Math.ceil(writes.length / 2);
    const first = await applyBatch(pool, writes.slice(0, middle), defaults);
    const second = await applyBatch(pool, writes.slice(middle), defaults);
    return new Map([...first, ...second]);
  }
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

/** An error of our own code is no data error, but it too must not stop the other users of the batch. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("internal", `A ${error instanceof Error ? error.name : "failure"} while writing`);
}
