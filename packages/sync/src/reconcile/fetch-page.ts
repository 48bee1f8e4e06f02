import { type ListedUser, maxUsersPerPage, type UserListQuery } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { hasLiveUsers, type Pool } from "@rollcall/db";
import { z } from "zod";
import type { ListedPage, RetryingClerk } from "./retrying-clerk.ts";

/** The position of a walk by creation time; part of the checkpoint of a full sync. */
export const walkPosition = z.object({
  /** The last user seen, and the latest creation time; null before the first page. */
  after: z.object({ clerkId: z.string(), createdAtMs: z.number() }).nullable(),
  /** Users of the last page that were created in that same millisecond: the next page may show them again. */
  tiedIds: z.array(z.string()),
  /** The number of such users on all pages so far. */
  tiedSeen: z.number().int(),
  /** Users right behind the last one seen whose id is unknown, because they are over 10 MB or have no readable id. */
  skipped: z.number().int(),
  /** Clerk ignored `starting_after`, so the walk goes by creation time alone. */
  cursorIgnored: z.boolean(),
});

export type WalkPosition = z.infer<typeof walkPosition>;

export const walkStart: WalkPosition = {
  after: null,
  tiedIds: [],
  tiedSeen: 0,
  skipped: 0,
  cursorIgnored: false,
};

/** The place of a walk: it is behind `position`, or at the first user that was created after `afterMs`. */
export type WalkPlace = {
  /** Null for the oldest user. */
  afterMs: number | null;
  position: WalkPosition;
  /** The most users that are needed; a whole page by default. */
  most?: number;
};

export type WalkedPage = {
  /** Users that no page before showed. */
  users: ListedUser[];
  next: WalkPosition;
  /** The page is short, so it should be the last one. */
  isLast: boolean;
};

/** Pages of one millisecond overlap by this many users, because a deletion moves the users behind it forward. */
const overlap = 50;

/** Clerk's list of users, page by page. */
export type Lister = Pick<RetryingClerk, "listPage">;

/**
 * Fetches the page behind a place, oldest users first. Normally the page begins behind Clerk's cursor. Clerk refuses
 * a cursor whose user is deleted, and may ignore it, because its public documentation does not name the parameter. Then
 * the page begins at the last creation time, inclusive, without the users that were seen already.
 *
 * @throws AppError `reconcile.list_repeated` when the page still does not begin at the right user
 */
export async function fetchPage(clerk: Lister, place: WalkPlace): Promise<WalkedPage> {
  const { afterMs, position, most = maxUsersPerPage } = place;
  const { after, cursorIgnored, skipped } = position;
  if (!after) return toPage(await listAfter(clerk, afterMs, skipped), place);
  if (!cursorIgnored && skipped === 0) {
    const listed = await clerk.listPage({ ...wholePage, limit: most, startingAfter: after.clerkId });
    if (listed === "cursor_refused") {
      return toPage(
        (await listBehindTied(clerk, position, after)) ?? (await listSince(clerk, position, after)),
        place,
      );
    }
    if (beginsBehind(listed.users, after)) return toPage(listed, place);
  }
  const isIgnored = cursorIgnored || skipped === 0;
  const listed = await listSince(clerk, position, after);
  return toPage(listed, { afterMs, position: { ...position, cursorIgnored: isIgnored } });
}

/**
 * Asks Clerk for the creation time of the user behind `rank` older ones. It is an estimate: users come and go.
 *
 * @returns undefined when no such user can be read
 */
export async function findCreationTime(clerk: Lister, rank: number): Promise<number | undefined> {
  const { users } = await list(clerk, { limit: 1, offset: rank });
  const [user, ...others] = users;
  return user && others.length === 0 ? readCreatedAtMs(user) : undefined;
}

/** Finds the oldest user that was created after a time. */
export async function findUserAfter(clerk: Lister, afterMs: number): Promise<ListedUser | undefined> {
  const { users } = await list(clerk, { limit: 1, createdAfterMs: afterMs });
  return users[0];
}

type Seen = NonNullable<WalkPosition["after"]>;

const wholePage = { orderBy: "+created_at", limit: maxUsersPerPage } as const;

async function list(clerk: Lister, query: Partial<UserListQuery>): Promise<ListedPage> {
  const listed = await clerk.listPage({ ...wholePage, ...query });
  if (listed === "cursor_refused") throw new AppError("internal", "Clerk refused a cursor that was not sent");
  return listed;
}

/** False when the page begins anew, because Clerk ignored the cursor. */
function beginsBehind(listed: readonly ListedUser[], { clerkId, createdAtMs }: Seen): boolean {
  return listed.every(
    (entry) => entry.clerkId !== clerkId && (readCreatedAtMs(entry) ?? createdAtMs) >= createdAtMs,
  );
}

const mostCursors = 10;

/**
 * Lists behind another user of the last page's millisecond, after the cursor's user was deleted. An offset into the
 * millisecond would miss a user for each one that was deleted before it.
 */
async function listBehindTied(
  clerk: Lister,
  { tiedIds }: WalkPosition,
  after: Seen,
): Promise<ListedPage | undefined> {
  const others = tiedIds.filter((id) => id !== after.clerkId).slice(-mostCursors);
  for (const startingAfter of others.reverse()) {
    const listed = await clerk.listPage({ ...wholePage, startingAfter });
    if (listed !== "cursor_refused") return beginsBehind(listed.users, after) ? listed : undefined;
  }
  return undefined;
}

async function listSince(clerk: Lister, position: WalkPosition, after: Seen): Promise<ListedPage> {
  const { tiedIds, tiedSeen, skipped } = position;
  // No overlap with users that must be skipped: the page would end at the same one again.
  if (skipped > 0) return listFrom(clerk, after, tiedSeen + skipped);
  const listed = await listFrom(clerk, after, Math.max(0, tiedSeen - overlap));
  const isSeen = listed.users.every(({ clerkId }) => clerkId !== null && tiedIds.includes(clerkId));
  // A page that was made smaller than the overlap.
  return isSeen && !listed.isShort ? listFrom(clerk, after, tiedSeen) : listed;
}

/** Clerk's filter is exclusive. */
const listFrom = (clerk: Lister, { createdAtMs }: Seen, offset: number) =>
  listAfter(clerk, createdAtMs > 0 ? createdAtMs - 1 : null, offset);

async function listAfter(clerk: Lister, afterMs: number | null, offset: number): Promise<ListedPage> {
  const listed = await list(clerk, {
    ...(afterMs === null ? {} : { createdAfterMs: afterMs }),
    ...(offset > 0 ? { offset } : {}),
  });
  if (afterMs !== null && listed.users.some((entry) => (readCreatedAtMs(entry) ?? afterMs + 1) <= afterMs)) {
    throw new AppError("reconcile.list_repeated", "Clerk's list begins anew for every request");
  }
  return listed;
}

function toPage({ users: listed, isShort }: ListedPage, place: WalkPlace): WalkedPage {
  const tied = new Set(place.position.tiedIds);
  const users = listed.filter(({ clerkId }) => clerkId === null || !tied.has(clerkId));
  if (!isShort && users.length === 0) {
    throw new AppError("reconcile.list_repeated", "A page of Clerk's list repeats the page before");
  }
  return { users, isLast: isShort, next: decideNext(listed, users, place) };
}

function decideNext(
  listed: readonly ListedUser[],
  users: readonly ListedUser[],
  { afterMs, position }: WalkPlace,
): WalkPosition {
  const lastId = listed.findLast(({ clerkId }) => clerkId !== null)?.clerkId;
  if (lastId == null) {
    // The last page, or a single user that is over 10 MB.
    if (listed.length < maxUsersPerPage) return { ...position, skipped: position.skipped + listed.length };
    throw new AppError("clerk.unreadable", "A page of Clerk's list has no readable user");
  }
  // Users without a readable time come after the start of the walk all the same.
  const latestMs = getLatestMs(listed, position.after?.createdAtMs ?? (afterMs === null ? 0 : afterMs + 1));
  const isTied = (entry: ListedUser) => readCreatedAtMs(entry) === latestMs;
  const seenBefore = position.after?.createdAtMs === latestMs ? position.tiedSeen : 0;
  return {
    ...position,
    skipped: 0,
    after: { clerkId: lastId, createdAtMs: latestMs },
    tiedIds: listed.filter(isTied).flatMap(({ clerkId }) => clerkId ?? []),
    tiedSeen: seenBefore + users.filter(isTied).length,
  };
}

/** @throws AppError when the list is not in the requested order */
function getLatestMs(listed: readonly ListedUser[], afterMs: number): number {
  let latestMs = afterMs;
  for (const entry of listed) {
    const createdAtMs = readCreatedAtMs(entry) ?? latestMs;
    if (createdAtMs < latestMs) {
      throw new AppError("reconcile.list_repeated", "Clerk's list is not in the order of creation");
    }
    latestMs = createdAtMs;
  }
  return latestMs;
}

/** The creation time of a listed user; undefined if it cannot be read. */
export function readCreatedAtMs({ result }: ListedUser): number | undefined {
  return "found" in result ? (result.found.created_at ?? undefined) : undefined;
}

/**
 * Refuses an empty list of Clerk's, which the key of another Clerk instance would give.
 *
 * @throws AppError `reconcile.list_empty` while there are live users here
 */
export async function refuseEmptyList(pool: Pool): Promise<void> {
  if (await hasLiveUsers(pool))
    throw new AppError("reconcile.list_empty", "Clerk listed no users, and there are users here");
}
