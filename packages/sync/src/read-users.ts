import { type ClerkGateway, maxIdsPerRead, type UserReading } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { drawReadTicket, type Pool, wrapPostgresError } from "@rollcall/db";
import DataLoader from "dataloader";

/** A user as Clerk described it, marked with the ticket that was drawn before the request left. */
export type TicketedReading = { reading: UserReading; ticket: number };

/** Reads one user at Clerk, together with whoever else is asked for at this moment. */
export type UserReader = (clerkId: string) => Promise<TicketedReading>;

const windowMs = 2;

/** Failures of Clerk as a whole, or of one user alone: the answer does not tell, so a second question must. */
const ambiguousCodes = new Set(["clerk.unavailable", "clerk.unreadable"]);

/** Coalesces up to 100 concurrent reads, gathered over 2 ms, into one request. */
export function createUserReader(clerk: ClerkGateway, pool: Pool): UserReader {
  const loader = new DataLoader<string, TicketedReading>((ids) => readBatch(clerk, pool, ids), {
    // A cached answer would be older than the nudge that asks.
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
): Promise<(TicketedReading | Error)[]> {
  const ticket = await drawReadTicket(pool).catch((error: unknown) => {
    throw wrapPostgresError(error);
  });
  const readings = await readDistinct(clerk, [...new Set(ids)]);
  return ids.map((id) => {
    const reading = readings.get(id);
    return reading ? { reading, ticket } : new AppError("internal", "A read returned no outcome for an id");
  });
}

/**
 * Reads distinct ids. When a request fails although Clerk answers others, the batch is halved until the users
 * that cannot be read are alone, so that they fail nobody else.
 *
 * @throws AppError when Clerk fails for everybody
 */
async function readDistinct(clerk: ClerkGateway, ids: readonly string[]): Promise<Map<string, UserReading>> {
  try {
    return await readTogether(clerk, ids);
  } catch (error) {
    if (!(error instanceof AppError) || !ambiguousCodes.has(error.code)) throw error;
    await confirmClerkAnswers(clerk, error);
    const [only] = ids;
    if (ids.length === 1 && only !== undefined) {
      return new Map([[only, { unreadable: new AppError("clerk.unreadable", error.message) }]]);
    }
    const middle = Math.ceil(ids.length / 2);
    const halves = [
      await readDistinct(clerk, ids.slice(0, middle)),
      await readDistinct(clerk, ids.slice(middle)),
    ];
    return new Map(halves.flatMap((half) => [...half]));
  }
}

/** @throws the original error when Clerk does not answer a question that names nobody either */
async function confirmClerkAnswers(clerk: ClerkGateway, original: AppError): Promise<void> {
  try {
    await clerk.countUsers();
  } catch {
    throw new AppError("clerk.unavailable", original.message, { cause: original });
  }
}

async function readTogether(clerk: ClerkGateway, ids: readonly string[]): Promise<Map<string, UserReading>> {
  const readings = ids.length > 1 ? await clerk.readUsers(ids) : new Map<string, UserReading>();
  // A list proves no absence, so whoever it lacks is asked for by name.
  const missing = ids.filter((id) => !readings.has(id));
  const named = await Promise.all(missing.map(async (id) => [id, await clerk.readUser(id)] as const));
  return new Map([...readings, ...named]);
}
