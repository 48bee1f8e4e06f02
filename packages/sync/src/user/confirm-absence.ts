import { type ListedUser, maxIdsPerRead, type UserListQuery } from "@rollcall/clerk";
import { AppError, readErrorCode } from "@rollcall/contracts";

/** The lists of Clerk that an absence is confirmed with: a gateway, or one inside a run's budget. */
export type Lister = { listUsers(query: UserListQuery): Promise<ListedUser[] | "cursor_refused"> };

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
 * @throws AppError `reconcile.unconfirmed`
 */
export async function confirmAbsence(
  clerk: Lister,
  clerkIds: readonly string[],
  lastSentinel: string | null,
): Promise<AbsenceAnswer> {
  try {
    return await confirmTogether(clerk, clerkIds, lastSentinel);
  } catch (error) {
    if (readErrorCode(error) !== "clerk.too_large") throw error;
  }
  const [only] = clerkIds;
  if (clerkIds.length === 1 && only !== undefined) return confirmLarge(clerk, only);
  const middle = Math.ceil(clerkIds.length / 2);
  const first = await confirmAbsence(clerk, clerkIds.slice(0, middle), lastSentinel);
  const second = await confirmAbsence(clerk, clerkIds.slice(middle), first.sentinel);
  return {
    present: [...first.present, ...second.present],
    absent: [...first.absent, ...second.absent],
    sentinel: second.sentinel,
  };
}

async function confirmTogether(
  clerk: Lister,
  clerkIds: readonly string[],
  lastSentinel: string | null,
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
    return {
      present: listed.filter(({ clerkId }) => clerkId !== null && clerkIds.includes(clerkId)),
      absent: clerkIds.filter((id) => !present.has(id)),
      sentinel,
    };
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's answers by id lack users that exist");
}

/** The answer with user and sentinel was too large. If the user alone is not, the sentinel was, and another is found. */
async function confirmLarge(clerk: Lister, clerkId: string): Promise<AbsenceAnswer> {
  try {
    await listByIds(clerk, [clerkId]);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "clerk.too_large") throw error;
    return { present: [{ clerkId, result: { unreadable: error } }], absent: [], sentinel: null };
  }
  return confirmTogether(clerk, [clerkId], null);
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
