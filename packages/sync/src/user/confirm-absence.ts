import { type ListedUser, maxIdsPerRead, type UserListQuery } from "@rollcall/clerk";
import { AppError, readErrorCode } from "@rollcall/contracts";

/** The lists of Clerk that an absence is confirmed with: a gateway, or one inside a run's budget. */
export type Lister = { listUsers(query: UserListQuery): Promise<ListedUser[] | "cursor_refused"> };

/**
 * Clerk's answer for some ids. Each id is in one of the lists. unproven: the answer lacks the user, and may be older than
 * the version that our row has.
 */
export type AbsenceAnswer = {
  present: ListedUser[];
  absent: string[];
  unproven: string[];
  sentinel: string | null;
};

/**
 * How long Clerk's reads may lag behind its writes. A list may lack a user that signed up since, and show a change after
 * a later one.
 */
export const longestReadLagMs = 5 * 60_000;

/** One place of a request is the sentinel's. */
export const maxIdsPerConfirmation = maxIdsPerRead - 1;

const maxAttempts = 5;

/**
 * Asks Clerk which of up to 99 users exist. An answer counts only if it contains a sentinel user, which is known to exist:
 * without it, an empty answer would look like the deletion of every user. An answer over 10 MB is asked for in halves. A
 * user that alone is over 10 MB exists.
 *
 * An absence is proven if the answer also has a user that changed at the version of our row or later: then Clerk had the
 * user before this answer. Without that, an answer of a few minutes ago would look like a deletion.
 *
 * @param versions of rows for which that is asked: see `readRecentVersions`. They must be read before this call
 * @throws AppError `reconcile.unconfirmed`
 */
export async function confirmAbsence(
  clerk: Lister,
  clerkIds: readonly string[],
  versions: ReadonlyMap<string, number>,
  lastSentinel: string | null,
): Promise<AbsenceAnswer> {
  try {
    return await confirmTogether(clerk, clerkIds, versions, lastSentinel);
  } catch (error) {
    if (readErrorCode(error) !== "clerk.too_large") throw error;
  }
  const [only] = clerkIds;
  if (clerkIds.length === 1 && only !== undefined) return confirmLarge(clerk, only, versions);
  const middle = Math.ceil(clerkIds.length / 2);
  const first = await confirmAbsence(clerk, clerkIds.slice(0, middle), versions, lastSentinel);
  const second = await confirmAbsence(clerk, clerkIds.slice(middle), versions, first.sentinel);
  return {
    present: [...first.present, ...second.present],
    absent: [...first.absent, ...second.absent],
    unproven: [...first.unproven, ...second.unproven],
    sentinel: second.sentinel,
  };
}

async function confirmTogether(
  clerk: Lister,
  clerkIds: readonly string[],
  versions: ReadonlyMap<string, number>,
  lastSentinel: string | null,
): Promise<AbsenceAnswer> {
  let sentinel = lastSentinel;
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    // The last sentinel may be deleted meanwhile, or older than a row.
    const isNewest = sentinel === null || attempt > 1;
    if (isNewest) sentinel = await findSentinel(clerk);
    if (sentinel === null) break;
    const ids = [...new Set([...clerkIds, sentinel])];
    const listed = await listByIds(clerk, ids);
    const present = new Set(listed.map(({ clerkId }) => clerkId));
    // An entry without a readable id may be any of these users.
    if (!present.has(sentinel) || present.has(null)) continue;
    const asOfMs = Math.max(...listed.map(readUpdatedAtMs));
    const isProven = (id: string) => (versions.get(id) ?? 0) <= asOfMs;
    const lacking = clerkIds.filter((id) => !present.has(id));
    if (!isNewest && !lacking.every(isProven)) continue;
    return {
      present: listed.filter(({ clerkId }) => clerkId !== null && clerkIds.includes(clerkId)),
      absent: lacking.filter(isProven),
      unproven: lacking.filter((id) => !isProven(id)),
      sentinel,
    };
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's answers by id lack users that exist");
}

function readUpdatedAtMs({ result }: ListedUser): number {
  return "found" in result ? (result.found.updated_at ?? 0) : 0;
}

/** The answer with user and sentinel was too large. If the user alone is not, the sentinel was, and another is found. */
async function confirmLarge(
  clerk: Lister,
  clerkId: string,
  versions: ReadonlyMap<string, number>,
): Promise<AbsenceAnswer> {
  try {
    await listByIds(clerk, [clerkId]);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "clerk.too_large") throw error;
    return {
      present: [{ clerkId, result: { unreadable: error } }],
      absent: [],
      unproven: [],
      sentinel: null,
    };
  }
  return confirmTogether(clerk, [clerkId], versions, null);
}

async function listByIds(clerk: Lister, clerkIds: readonly string[]): Promise<ListedUser[]> {
  const listed = await clerk.listUsers({ orderBy: "+created_at", limit: clerkIds.length, clerkIds });
  if (listed === "cursor_refused") throw new AppError("internal", "Clerk refused a cursor that was not sent");
  return listed;
}

const mostSkipped = 10;

/** The user that changed last, without users that cannot be read. */
async function findSentinel(clerk: Lister): Promise<string | null> {
  for (let offset = 0; offset < mostSkipped; offset++) {
    try {
      const listed = await clerk.listUsers({ orderBy: "-updated_at", limit: 1, offset });
      const [user] = listed === "cursor_refused" ? [] : listed;
      if (user === undefined || user.clerkId !== null) return user?.clerkId ?? null;
    } catch (error) {
      if (readErrorCode(error) !== "clerk.too_large") throw error;
    }
  }
  return null;
}
