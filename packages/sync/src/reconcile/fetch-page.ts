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

export type WalkedPage = {
  /** Users that no page before showed. */
  users: ListedUser[];
  next: WalkPosition;
  /** The page is short, so it should be the last one. */
  isLast: boolean;
};

/** Pages of one millisecond overlap by this many users, because a deletion moves the users behind it forward. */
const overlap = 50;

/**
 * Fetches the page behind a position, oldest users first. Normally the page begins behind Clerk's cursor. Clerk refuses
 * a cursor whose user is deleted, and may ignore it, because its public documentation does not name the parameter. Then
 * the page begins at the last creation time, inclusive, without the users that were seen already.
 *
 * @param parseAfter see `ClerkGateway`
 * @throws AppError `reconcile.list_repeated` when the page still does not begin at the right user
 */
export async function fetchPage(
  retrying: RetryingClerk,
  position: WalkPosition,
  parseAfter?: Promise<unknown>,
): Promise<WalkedPage> {
  const clerk: Lister = { listPage: (query) => retrying.listPage(query, parseAfter) };
  const { after, cursorIgnored, skipped } = position;
  if (!after) return toPage(await list(clerk, skipped > 0 ? { offset: skipped } : {}), position);
  if (!cursorIgnored && skipped === 0) {
    const listed = await clerk.listPage({ ...wholePage, startingAfter: after.clerkId });
    if (listed === "cursor_refused") return toPage(await listSince(clerk, position, after), position);
    if (beginsBehind(listed.users, after)) return toPage(listed, position);
  }
  const isIgnored = cursorIgnored || skipped === 0;
  return toPage(await listSince(clerk, position, after), { ...position, cursorIgnored: isIgnored });
}

type Lister = Pick<RetryingClerk, "listPage">;
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

async function listSince(clerk: Lister, position: WalkPosition, after: Seen): Promise<ListedPage> {
  const { tiedIds, tiedSeen, skipped } = position;
  // No overlap with users that must be skipped: the page would end at the same one again.
  if (skipped > 0) return listFrom(clerk, after, tiedSeen + skipped);
  const listed = await listFrom(clerk, after, Math.max(0, tiedSeen - overlap));
  const isSeen = listed.users.every(({ clerkId }) => clerkId !== null && tiedIds.includes(clerkId));
  // A page that was made smaller than the overlap.
  return isSeen && !listed.isShort ? listFrom(clerk, after, tiedSeen) : listed;
}

async function listFrom(clerk: Lister, { createdAtMs }: Seen, offset: number): Promise<ListedPage> {
  const listed = await list(clerk, {
    // Clerk's filter is exclusive.
    ...(createdAtMs > 0 ? { createdAfterMs: createdAtMs - 1 } : {}),
    ...(offset > 0 ? { offset } : {}),
  });
  if (listed.users.some((entry) => (readCreatedAtMs(entry) ?? createdAtMs) < createdAtMs)) {
    throw new AppError("reconcile.list_repeated", "Clerk's list begins anew for every request");
  }
  return listed;
}

function toPage({ users: listed, isShort }: ListedPage, position: WalkPosition): WalkedPage {
  const tied = new Set(position.tiedIds);
  const users = listed.filter(({ clerkId }) => clerkId === null || !tied.has(clerkId));
  if (!isShort && users.length === 0) {
    throw new AppError("reconcile.list_repeated", "A page of Clerk's list repeats the page before");
  }
  return { users, isLast: isShort, next: decideNext(listed, users, position) };
}

function decideNext(
  listed: readonly ListedUser[],
  users: readonly ListedUser[],
  position: WalkPosition,
): WalkPosition {
  const lastId = listed.findLast(({ clerkId }) => clerkId !== null)?.clerkId;
  if (lastId == null) {
    // The last page, or a single user that is over 10 MB.
    if (listed.length < maxUsersPerPage) return { ...position, skipped: position.skipped + listed.length };
    throw new AppError("clerk.unreadable", "A page of Clerk's list has no readable user");
  }
  const latestMs = getLatestMs(listed, position.after?.createdAtMs ?? 0);
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

function readCreatedAtMs({ result }: ListedUser): number | undefined {
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
