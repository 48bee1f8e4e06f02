import { type FetchResult, type ListedUser, maxIdsPerRead, type UserListQuery } from "@rollcall/clerk";
import { AppError, readErrorCode } from "@rollcall/contracts";

/** The requests to Clerk that confirm an absence: of a gateway, or inside a run's budget. */
export type AbsenceClerk = {
  listUsers(query: UserListQuery): Promise<ListedUser[] | "cursor_refused">;
  readUser(clerkId: string): Promise<FetchResult>;
};

/**
 * How long Clerk's lists may lag behind its writes. A list may lack a user that signed up since, and show a change after
 * a later one.
 */
export const longestListLagMs = 5 * 60_000;

/** Clerk's answer for some ids. An id that is in neither list does not occur. */
export type AbsenceAnswer = { present: ListedUser[]; absent: string[]; sentinel: string | null };

/** One place of a request is the sentinel's. */
export const maxIdsPerConfirmation = maxIdsPerRead - 1;

const maxAttempts = 5;

/**
 * Asks Clerk which of up to 99 users exist. An answer counts only if it contains a sentinel user, which is known to exist:
 * without it, an empty answer would look like the deletion of every user. An answer over 10 MB is asked for in halves. A
 * user that alone is over 10 MB exists.
 *
 * The answer may also be older than a row. It is newer if it shows a user that changed at the version of the row or later.
 * Otherwise the user is read by its own id.
 *
 * @param versions of rows that changed recently: see `readRecentVersions`. They must be read before this call
 * @throws AppError `reconcile.unconfirmed`
 */
export async function confirmAbsence(
  clerk: AbsenceClerk,
  clerkIds: readonly string[],
  lastSentinel: string | null,
  versions: ReadonlyMap<string, number>,
): Promise<AbsenceAnswer> {
  try {
    return await confirmTogether(clerk, clerkIds, lastSentinel, versions);
  } catch (error) {
    if (readErrorCode(error) !== "clerk.too_large") throw error;
  }
  const [only] = clerkIds;
  if (clerkIds.length === 1 && only !== undefined) return confirmLarge(clerk, only, versions);
  const middle = Math.ceil(clerkIds.length / 2);
  const first = await confirmAbsence(clerk, clerkIds.slice(0, middle), lastSentinel, versions);
  const second = await confirmAbsence(clerk, clerkIds.slice(middle), first.sentinel, versions);
  return {
    present: [...first.present, ...second.present],
    absent: [...first.absent, ...second.absent],
    sentinel: second.sentinel,
  };
}

async function confirmTogether(
  clerk: AbsenceClerk,
  clerkIds: readonly string[],
  lastSentinel: string | null,
  versions: ReadonlyMap<string, number>,
): Promise<AbsenceAnswer> {
  let sentinel = lastSentinel;
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    // The last sentinel may be deleted meanwhile.
    if (sentinel === null || attempt > 1) sentinel = await findSentinel(clerk);
    if (sentinel === null) break;
    const ids = [...new Set([...clerkIds, sentinel])];
    const listed = await listByIds(clerk, ids);
    const present = new Set(listed.map(({ clerkId }) => clerkId));
    // An entry without a readable id may be any of these users.
    if (!present.has(sentinel) || present.has(null)) continue;
    const asOfMs = Math.max(...listed.map(readUpdatedAtMs));
    const lacking = clerkIds.filter((id) => !present.has(id));
    const alone = await readEach(
      clerk,
      lacking.filter((id) => (versions.get(id) ?? 0) > asOfMs),
    );
    const found = new Set(alone.map(({ clerkId }) => clerkId));
    return {
      present: [...listed.filter(({ clerkId }) => clerkId !== null && clerkIds.includes(clerkId)), ...alone],
      absent: lacking.filter((id) => !found.has(id)),
      sentinel,
    };
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's answers by id lack users that exist");
}

function readUpdatedAtMs({ result }: ListedUser): number {
  return "found" in result ? (result.found.updated_at ?? 0) : 0;
}

/** Reads users by their own ids, one after the other. @returns those that exist */
async function readEach(clerk: AbsenceClerk, clerkIds: readonly string[]): Promise<ListedUser[]> {
  const found: ListedUser[] = [];
  for (const clerkId of clerkIds) {
    const result = await clerk.readUser(clerkId);
    if (!("absent" in result)) found.push({ clerkId, result });
  }
  return found;
}

/** The answer with user and sentinel was too large. If the user alone is not, the sentinel was, and another is found. */
async function confirmLarge(
  clerk: AbsenceClerk,
  clerkId: string,
  versions: ReadonlyMap<string, number>,
): Promise<AbsenceAnswer> {
  try {
    await listByIds(clerk, [clerkId]);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "clerk.too_large") throw error;
    return { present: [{ clerkId, result: { unreadable: error } }], absent: [], sentinel: null };
  }
  return confirmTogether(clerk, [clerkId], null, versions);
}

async function listByIds(clerk: AbsenceClerk, clerkIds: readonly string[]): Promise<ListedUser[]> {
  const listed = await clerk.listUsers({ orderBy: "+created_at", limit: clerkIds.length, clerkIds });
  if (listed === "cursor_refused") throw new AppError("internal", "Clerk refused a cursor that was not sent");
  return listed;
}

const mostSkipped = 10;

/** The user that changed last, without users that cannot be read. */
async function findSentinel(clerk: AbsenceClerk): Promise<string | null> {
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
