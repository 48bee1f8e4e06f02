import { type ListedUser, maxUsersPerPage, type UserListQuery } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { hasLiveUsers, type Pool } from "@rollcall/db";
import { z } from "zod";
import type { RetryingClerk } from "./retrying-clerk.ts";

/** The position of a walk by creation time; part of the checkpoint of a full sync. */
export const walkPosition = z.object({
  /** The last user seen, and the latest creation time; null before the first page. */
  after: z.object({ clerkId: z.string(), createdAtMs: z.number() }).nullable(),
  /** Users of the last page that were created in that same millisecond: the next page may show them again. */
  tiedIds: z.array(z.string()),
  /** The number of such users on all pages so far. */
  tiedSeen: z.number().int(),
  /** Clerk ignored `starting_after`, so the walk goes by creation time alone. */
  cursorIgnored: z.boolean(),
});

export type WalkPosition = z.infer<typeof walkPosition>;

export const walkStart: WalkPosition = { after: null, tiedIds: [], tiedSeen: 0, cursorIgnored: false };

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
  const clerk: Lister = { listUsers: (query) => retrying.listUsers(query, parseAfter) };
  const { after, cursorIgnored } = position;
  if (!after) return toPage(await list(clerk, {}), position);
  if (!cursorIgnored) {
    const listed = await clerk.listUsers({ ...wholePage, startingAfter: after.clerkId });
    if (listed === "cursor_refused") return toPage(await listSince(clerk, position, after), position);
    if (beginsBehind(listed, after)) return toPage(listed, position);
  }
  return toPage(await listSince(clerk, position, after), { ...position, cursorIgnored: true });
}

type Lister = Pick<RetryingClerk, "listUsers">;
type Seen = NonNullable<WalkPosition["after"]>;

const wholePage = { orderBy: "+created_at", limit: maxUsersPerPage } as const;

async function list(clerk: Lister, query: Partial<UserListQuery>): Promise<ListedUser[]> {
  const listed = await clerk.listUsers({ ...wholePage, ...query });
  if (listed === "cursor_refused") throw new AppError("internal", "Clerk refused a cursor that was not sent");
  return listed;
}

/** False when the page begins anew, because Clerk ignored the cursor. */
function beginsBehind(listed: readonly ListedUser[], { clerkId, createdAtMs }: Seen): boolean {
  return listed.every(
    (entry) => entry.clerkId !== clerkId && (readCreatedAtMs(entry) ?? createdAtMs) >= createdAtMs,
  );
}

async function listSince(
  clerk: Lister,
  { tiedSeen }: WalkPosition,
  { createdAtMs }: Seen,
): Promise<ListedUser[]> {
  const offset = Math.max(0, tiedSeen - overlap);
  const listed = await list(clerk, {
    // Clerk's filter is exclusive.
    ...(createdAtMs > 0 ? { createdAfterMs: createdAtMs - 1 } : {}),
    ...(offset > 0 ? { offset } : {}),
  });
  if (listed.some((entry) => (readCreatedAtMs(entry) ?? createdAtMs) < createdAtMs)) {
    throw new AppError("reconcile.list_repeated", "Clerk's list begins anew for every request");
  }
  return listed;
}

function toPage(listed: readonly ListedUser[], position: WalkPosition): WalkedPage {
  const isLast = listed.length < maxUsersPerPage;
  const tied = new Set(position.tiedIds);
  const users = listed.filter(({ clerkId }) => clerkId === null || !tied.has(clerkId));
  if (!isLast && users.length === 0) {
    throw new AppError("reconcile.list_repeated", "A page of Clerk's list repeats the page before");
  }
  return { users, isLast, next: decideNext(listed, users, position) };
}

function decideNext(
  listed: readonly ListedUser[],
  users: readonly ListedUser[],
  position: WalkPosition,
): WalkPosition {
  const lastId = listed.findLast(({ clerkId }) => clerkId !== null)?.clerkId;
  if (lastId == null) {
    if (listed.length === 0) return position;
    throw new AppError("clerk.unreadable", "A page of Clerk's list has no readable user");
  }
  const latestMs = getLatestMs(listed, position.after?.createdAtMs ?? 0);
  const isTied = (entry: ListedUser) => readCreatedAtMs(entry) === latestMs;
  const seenBefore = position.after?.createdAtMs === latestMs ? position.tiedSeen : 0;
  return {
    ...position,
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
