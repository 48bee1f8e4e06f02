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
 * Reads the membership of a pair. Clerk has no request for it, only lists. Unreadable also means: Clerk's answers neither
 * show the membership nor prove its absence.
 *
 * @throws AppError like `readUser`
 */
export async function readMembership(
  clerk: MembershipLister,
  { clerkOrgId, clerkId }: MembershipPair,
): Promise<MembershipResult> {
  try {
    const results = await readMemberships(clerk, clerkOrgId, [clerkId]);
    return results.get(clerkId) ?? { absent: true };
  } catch (error) {
    if (!(error instanceof AppError) || readErrorCode(error) !== "reconcile.unconfirmed") throw error;
    return { unreadable: new AppError("clerk.unreadable", error.message) };
  }
}

/**
 * Reads the memberships of up to 99 users of one organization, with one result for each. Members cost one request. The
 * absences of all others are confirmed together as `confirmMemberships` does it, which costs two more.
 *
 * @throws AppError like `readUser`; `reconcile.unconfirmed` when Clerk's answers neither show nor disprove a membership
 */
export async function readMemberships(
  clerk: MembershipLister,
  clerkOrgId: string,
  clerkIds: readonly string[],
): Promise<Map<string, MembershipResult>> {
  const page = await clerk.listMemberships({
    ...{ of: "organization", clerkOrgId, clerkIds },
    ...{ orderBy: "-created_at", limit: clerkIds.length },
  });
  const listed = page === "absent" ? [] : byUser(page.memberships);
  const results = new Map<string, MembershipResult>(listed.filter(([id]) => clerkIds.includes(id)));
  const missing = clerkIds.filter((id) => !results.has(id));
  if (missing.length === 0) return results;
  const { present } =
    page === "absent" ? { present: [] } : await confirmMemberships(clerk, clerkOrgId, missing);
  const found = new Map(byUser(present));
  for (const id of missing) results.set(id, found.get(id) ?? { absent: true });
  return results;
}

function byUser(memberships: readonly ListedMembership[]): [clerkId: string, ListedMembership["result"]][] {
  return memberships.flatMap(({ pair, result }) => (pair ? [[pair.clerkId, result]] : []));
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
 * - A list by ids that contains a sentinel: a member that a list without ids has just shown.
 * - For an empty list without ids: the organization itself says that it has no members.
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

/** The newest member may be unreadable. */
const sentinelCandidates = 10;

/** @returns undefined when the answer proves nothing */
async function askOnce(
  clerk: MembershipLister,
  clerkOrgId: string,
  clerkIds: readonly string[],
): Promise<MembershipAnswer | undefined> {
  const noMembers = { present: [], absent: [...clerkIds] };
  const list = { of: "organization", clerkOrgId, orderBy: "-created_at" } as const;
  const members = await clerk.listMemberships({ ...list, limit: sentinelCandidates });
  if (members === "absent") return noMembers;
  const sentinel = idsOf(members).find((id) => id !== null);
  if (sentinel == null) return (await isEmpty(clerk, clerkOrgId, members)) ? noMembers : undefined;
  const ids = [...new Set([...clerkIds, sentinel])];
  const named = await clerk.listMemberships({ ...list, clerkIds: ids, limit: ids.length });
  if (named === "absent") return noMembers;
  return idsOf(named).includes(sentinel) ? split(named, clerkIds) : undefined;
}

/** Whether an organization has no members by three counts, of which one is of another answer than the list. */
async function isEmpty(
  clerk: MembershipLister,
  clerkOrgId: string,
  { memberships, totalCount }: MembershipPage,
): Promise<boolean> {
  if (memberships.length > 0 || totalCount > 0) return false;
  const organization = await clerk.readOrganization(clerkOrgId);
  return "absent" in organization || ("found" in organization && organization.found.members_count === 0);
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
