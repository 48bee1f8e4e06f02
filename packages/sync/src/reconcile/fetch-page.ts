import { type ListedUser, maxUsersPerPage, type UserListQuery } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import type { RetryingClerk } from "./retrying-clerk.ts";

/** Where a walk by creation time stands; part of a sweep's checkpoint. */
export const walkPosition = z.object({
  /** The last user seen, and the latest creation time; null before the first page. */
  after: z.object({ clerkId: z.string(), createdAtMs: z.number() }).nullable(),
  /** Users of the last page who were created in that same millisecond: the next page may show them again. */
  tiedIds: z.array(z.string()),
  /** How many such users were seen so far, on whatever pages. */
  tiedSeen: z.number().int(),
  /** Clerk passed over `starting_after`, so the walk goes by creation time alone. */
  cursorIgnored: z.boolean(),
});

export type WalkPosition = z.infer<typeof walkPosition>;

export const walkStart: WalkPosition = { after: null, tiedIds: [], tiedSeen: 0, cursorIgnored: false };

export type WalkedPage = {
  /** Users that no page before showed. */
  users: ListedUser[];
  next: WalkPosition;
  /** The page is short, so that there should be none behind it. */
  isLast: boolean;
};

/** Pages of one millisecond overlap by this much, since a deletion moves those behind it. */
const overlap = 50;

/**
 * Reads the page behind a position, oldest users first. Normally Clerk's cursor tells where it begins. When Clerk
 * does not take it (its user is gone) or passes over it (its public description does not name it), the page
 * begins at the last creation time, inclusive, and what was seen already is left out.
 *
 * @param parseAfter see `ClerkGateway`
 * @throws AppError `reconcile.list_repeated` when even so a page does not begin where it should
 */
export async function fetchPage(
  patient: RetryingClerk,
  position: WalkPosition,
  parseAfter?: Promise<unknown>,
): Promise<WalkedPage> {
  const clerk: Lister = {
    listUsers: (query) => patient.listUsers(query, parseAfter),
  };
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
  if (listed === "cursor_refused") throw new AppError("internal", "A cursor was refused that was not sent");
  return listed;
}

/** False when the page begins anew, as it does when Clerk passes over the cursor. */
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
    throw new AppError("reconcile.list_repeated", "Clerk's list begins anew, whatever is asked of it");
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
    throw new AppError("clerk.unreadable", "Not one user of a page of Clerk's list could be read");
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

/** @throws AppError when the list is not in the order that was asked for */
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
  return "found" in result ? result.found.created_at : undefined;
}
