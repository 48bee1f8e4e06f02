import type { AppError } from "@rollcall/contracts";
import {
  applySnapshots,
  giveProfiles,
  inTransaction,
  isDataError,
  type Pool,
  type ProfileDefaults,
  type ProfileOutcome,
  type UserSnapshot,
  wrapPostgresError,
} from "@rollcall/db";

/** All that the write needs to know of one user. */
export type UserWrite = { snapshot: UserSnapshot; turma: string | null };

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
    return await inTransaction(pool, async (client) => {
      await applySnapshots(
        client,
        writes.map((write) => write.snapshot),
      );
      const requests = writes.map(({ snapshot, turma }) => ({ clerkId: snapshot.clerkId, turma }));
      return giveProfiles(client, requests, defaults);
    });
  } catch (error) {
    const wrapped = wrapPostgresError(error);
    if (!isDataError(error)) throw wrapped;
    const [only] = writes;
    if (writes.length === 1 && only) return new Map([[only.snapshot.clerkId, wrapped]]);
    const middle = Math.ceil(writes.length / 2);
    const first = await applyBatch(pool, writes.slice(0, middle), defaults);
    const second = await applyBatch(pool, writes.slice(middle), defaults);
    return new Map([...first, ...second]);
  }
}
