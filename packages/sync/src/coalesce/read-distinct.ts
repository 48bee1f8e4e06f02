import type { ClerkGateway } from "@rollcall/clerk";
import { AppError, readErrorCode } from "@rollcall/contracts";

/** These codes may mean that Clerk is down or that one user is unreadable. A second request decides. */
const ambiguousCodes = new Set(["clerk.unavailable", "clerk.unreadable"]);

type CountingClerk = Pick<ClerkGateway, "countUsers">;

/** How distinct users, organizations or memberships are read. Results are under the text of their key. */
export type ClerkReads<Key, Result> = {
  clerk: CountingClerk;
  textOf: (key: Key) => string;
  /** One list. What it lacks is no absence, so it is read alone. It may refuse with `reconcile.unconfirmed`. */
  readTogether: (keys: readonly Key[]) => Promise<Map<string, Result>>;
  readOne: (key: Key) => Promise<Result>;
};

/**
 * Reads distinct keys. If a list request fails while Clerk answers others, or if its answer is over 10 MB or proves
 * nothing, it is halved until the keys that cannot be read are alone.
 *
 * @throws AppError when Clerk fails for every key
 */
export async function readDistinct<Key, Result>(
  reads: ClerkReads<Key, Result>,
  keys: readonly Key[],
): Promise<Map<string, Result | Unreadable>> {
  if (keys.length === 1) return readOneByOne(reads, keys);
  try {
    const listed = await reads.readTogether(keys);
    const missing = await readOneByOne(
      reads,
      keys.filter((key) => !listed.has(reads.textOf(key))),
    );
    return new Map([...listed, ...missing]);
  } catch (error) {
    if (!isTooLarge(error) && readErrorCode(error) !== "reconcile.unconfirmed")
      await confirmClerkAnswers(reads.clerk, error);
    const middle = Math.ceil(keys.length / 2);
    const first = await readDistinct(reads, keys.slice(0, middle));
    const second = await readDistinct(reads, keys.slice(middle));
    return new Map([...first, ...second]);
  }
}

/** Makes one request for each key, all at once. One that cannot be read does not fail the others. */
export async function readOneByOne<Key, Result>(
  { clerk, textOf, readOne }: Omit<ClerkReads<Key, Result>, "readTogether">,
  keys: readonly Key[],
): Promise<Map<string, Result | Unreadable>> {
  return new Map(
    await Promise.all(
      keys.map(async (key) => [textOf(key), await readAlone(clerk, () => readOne(key))] as const),
    ),
  );
}

/** Clerk answers, and not for this key. */
export type Unreadable = { unreadable: AppError };

/**
 * Reads one key, twice: the second attempt tells one that cannot be read from an outage that has just ended.
 *
 * @throws AppError when Clerk fails for every key
 */
async function readAlone<Result>(
  clerk: CountingClerk,
  read: () => Promise<Result>,
): Promise<Result | Unreadable> {
  try {
    return await read();
  } catch (error) {
    if (isTooLarge(error)) return { unreadable: error };
    await confirmClerkAnswers(clerk, error);
  }
  try {
    return await read();
  } catch (error) {
    if (isTooLarge(error)) return { unreadable: error };
    const { message } = getAmbiguous(error);
    return { unreadable: new AppError("clerk.unreadable", message) };
  }
}

/** Clerk answered, so this is no outage. */
function isTooLarge(error: unknown): error is AppError {
  return error instanceof AppError && error.code === "clerk.too_large";
}

/** @throws the error itself unless Clerk may have failed for this request alone */
function getAmbiguous(error: unknown): AppError {
  if (error instanceof AppError && ambiguousCodes.has(error.code)) return error;
  throw error;
}

/** @throws AppError when Clerk does not answer a request that names no user either */
export async function confirmClerkAnswers(clerk: CountingClerk, failure: unknown): Promise<void> {
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
