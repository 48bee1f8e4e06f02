import { AppError, readErrorCode } from "@rollcall/contracts";
import type { MembershipPair } from "./organization.ts";
import type {
  ListedMembership,
  MembershipPage,
  MembershipResult,
  OrganizationReads,
} from "./organization-reads.ts";

/** The lists of Clerk that an absence is confirmed with: a gateway, or one inside a run's budget. */
export type MembershipLister = Pick<OrganizationReads, "listMemberships" | "readOrganization">;

/**
 * Reads the membership of a pair. Clerk has no request for it, only lists. A member costs one request. An absence is
 * confirmed as `confirmMemberships` does it, which costs two more.
 *
 * @throws AppError like `readUser`
 */
export async function readMembership(
  clerk: MembershipLister,
  { clerkOrgId, clerkId }: MembershipPair,
): Promise<MembershipResult> {
  const page = await clerk.listMemberships({
    of: "organization",
    clerkOrgId,
    clerkIds: [clerkId],
    orderBy: "-created_at",
    limit: 1,
  });
  if (page === "absent") return { absent: true };
  const own = page.memberships.find(({ pair }) => pair?.clerkId === clerkId);
  if (own) return own.result;
  try {
    const { present } = await confirmMemberships(clerk, clerkOrgId, [clerkId]);
    return present[0]?.result ?? { absent: true };
  } catch (error) {
    if (!(error instanceof AppError) || readErrorCode(error) !== "reconcile.unconfirmed") throw error;
    return { unreadable: new AppError("clerk.unreadable", error.message) };
  }
}

/** Clerk's answer for some users of one organization. A user that is in neither list does not occur. */
export type MembershipAnswer = { present: ListedMembership[]; absent: string[] };

/** One place of a request is the sentinel's. */
export const maxMembersPerConfirmation = 99;

const maxAttempts = 5;

/**
 * Asks Clerk which of up to 99 users are members of an organization. An empty list alone proves nothing. What counts:
 *
 * - 404 for the organization: it has no members.
 * - A list by ids that contains a sentinel: another member, which a list without ids has just shown.
 * - For an organization without another member: an empty list, and the organization itself says that it has none.
 *
 * @throws AppError `reconcile.unconfirmed` when the answers contradict each other five times
 */
export async function confirmMemberships(
  clerk: MembershipLister,
  clerkOrgId: string,
  clerkIds: readonly string[],
): Promise<MembershipAnswer> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const answer = await askOnce(clerk, clerkOrgId, clerkIds);
    if (answer) return answer;
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's lists of members lack members that exist");
}

/** @returns undefined when the answer proves nothing */
async function askOnce(
  clerk: MembershipLister,
  clerkOrgId: string,
  clerkIds: readonly string[],
): Promise<MembershipAnswer | undefined> {
  const absent = { present: [], absent: [...clerkIds] };
  const list = { of: "organization", clerkOrgId, orderBy: "-created_at" } as const;
  // More than are asked for, so that a member besides them is among them if there is one.
  const members = await clerk.listMemberships({ ...list, limit: clerkIds.length + 1 });
  if (members === "absent") return absent;
  const sentinel = idsOf(members).find((id) => id !== null && !clerkIds.includes(id));
  if (sentinel == null) return confirmByCount(clerk, clerkOrgId, clerkIds, members);
  const ids = [...new Set([...clerkIds, sentinel])];
  const named = await clerk.listMemberships({ ...list, clerkIds: ids, limit: ids.length });
  if (named === "absent") return absent;
  return idsOf(named).includes(sentinel) ? split(named, clerkIds) : undefined;
}

/** All members were asked for, or there are none. The number of members comes from another answer than the list. */
async function confirmByCount(
  clerk: MembershipLister,
  clerkOrgId: string,
  clerkIds: readonly string[],
  members: MembershipPage,
): Promise<MembershipAnswer | undefined> {
  const organization = await clerk.readOrganization(clerkOrgId);
  if ("absent" in organization) return { present: [], absent: [...clerkIds] };
  if (!("found" in organization)) return undefined;
  const isWhole =
    organization.found.members_count === members.memberships.length &&
    members.totalCount === members.memberships.length;
  return isWhole ? split(members, clerkIds) : undefined;
}

/** @returns undefined for an answer with an entry that may be any of these users */
function split(page: MembershipPage, clerkIds: readonly string[]): MembershipAnswer | undefined {
  const listed = new Set(idsOf(page));
  if (listed.has(null)) return undefined;
  return {
    present: page.memberships.filter(({ pair }) => pair !== null && clerkIds.includes(pair.clerkId)),
    absent: clerkIds.filter((id) => !listed.has(id)),
  };
}

function idsOf({ memberships }: MembershipPage): (string | null)[] {
  return memberships.map(({ pair }) => pair?.clerkId ?? null);
}
