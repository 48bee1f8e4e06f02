import { type ClerkGateway, type FetchResult, maxIdsPerRead } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { nextReadSequence, type Pool } from "@rollcall/db";
import DataLoader from "dataloader";

/** A user as Clerk described it, marked with the ticket that was drawn before the request left. */
export type SequencedFetch = { reading: FetchResult; ticket: number };

/** Reads one user at Clerk, together with whoever else is asked for at this moment. */
export type UserReader = (clerkId: string) => Promise<SequencedFetch>;

const windowMs = 2;

/** Failures of Clerk as a whole, or of one user alone: the answer does not tell, so a second question must. */
const ambiguousCodes = new Set(["clerk.unavailable", "clerk.unreadable"]);

/** Coalesces up to 100 concurrent reads, gathered over 2 ms, into one request. */
export function createUserReader(clerk: ClerkGateway, pool: Pool): UserReader {
  const loader = new DataLoader<string, SequencedFetch>((ids) => readBatch(clerk, pool, ids), {
    // A cached answer would be older than the sync job that asks.
    cache: false,
    maxBatchSize: maxIdsPerRead,
    batchScheduleFn: (run) => setTimeout(run, windowMs),
  });
  return (clerkId) => loader.load(clerkId);
}

async function readBatch(
  clerk: ClerkGateway,
  pool: Pool,
  ids: readonly string[],
): Promise<(SequencedFetch | Error)[]> {
  const ticket = await nextReadSequence(pool);
  const readings = await readDistinct(clerk, [...new Set(ids)]);
  return ids.map((id) => {
    const reading = readings.get(id);
    return reading ? { reading, ticket } : new AppError("internal", "A read returned no outcome for an id");
  });
}

/**
 * Reads distinct ids. When a list request fails although Clerk answers others, it is halved until the users that
 * cannot be read are alone. A list proves no absence, so whoever it lacks is asked for by name.
 *
 * @throws AppError when Clerk fails for everybody
 */
async function readDistinct(clerk: ClerkGateway, ids: readonly string[]): Promise<Map<string, FetchResult>> {
  if (ids.length === 1) return readByName(clerk, ids);
  try {
    const listed = await clerk.readUsers(ids);
    const missing = await readByName(
      clerk,
      ids.filter((id) => !listed.has(id)),
    );
    return new Map([...listed, ...missing]);
  } catch (error) {
    await confirmClerkAnswers(clerk, error);
    const middle = Math.ceil(ids.length / 2);
    const first = await readDistinct(clerk, ids.slice(0, middle));
    const second = await readDistinct(clerk, ids.slice(middle));
    return new Map([...first, ...second]);
  }
}

/** Reads users one by one, all at once; one that cannot be read costs the others nothing. */
async function readByName(clerk: ClerkGateway, ids: readonly string[]): Promise<Map<string, FetchResult>> {
  return new Map(await Promise.all(ids.map(async (id) => [id, await readAlone(clerk, id)] as const)));
}

/** A second try, after Clerk answered for others, tells a user that cannot be read from an outage that just ended. */
async function readAlone(clerk: ClerkGateway, id: string): Promise<FetchResult> {
  try {
    return await clerk.readUser(id);
  } catch (error) {
    await confirmClerkAnswers(clerk, error);
  }
  try {
    return await clerk.readUser(id);
  } catch (error) {
    const { message } = getAmbiguous(error);
    return { unreadable: new AppError("clerk.unreadable", message) };
  }
}

/** @throws the error itself unless Clerk might have failed for this question alone */
function getAmbiguous(error: unknown): AppError {
  if (error instanceof AppError && ambiguousCodes.has(error.code)) return error;
  throw error;
}

/** @throws AppError when Clerk does not answer a question that names nobody either */
async function confirmClerkAnswers(clerk: ClerkGateway, failure: unknown): Promise<void> {
  const original = getAmbiguous(failure);
  try {
    await clerk.countUsers();
  } catch (error) {
    if (error instanceof AppError && !ambiguousCodes.has(error.code)) throw error;
    const { retryAfterMs } = original;
    throw new AppError("clerk.unavailable", original.message, {
      cause: original,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
}
