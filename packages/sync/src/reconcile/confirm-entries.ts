import {
  confirmMemberships,
  type ListedOrganization,
  type MembershipAnswer,
  maxIdsPerRead,
} from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import type { RetryingClerk } from "./retrying-clerk.ts";

/** One place of a request is the sentinel's. */
export const maxOrganizationsPerConfirmation = maxIdsPerRead - 1;

export type OrganizationAnswer = { present: ListedOrganization[]; absent: string[] };

const maxAttempts = 5;
/** The newest organization may be unreadable. */
const sentinelCandidates = 10;

/**
 * Asks Clerk which of up to 99 organizations exist. A list by ids counts only with a sentinel in it: an organization that
 * Clerk's list has just shown. What it lacks is read alone if it is young, because the list may be older than its row, and
 * all of it if there is no sentinel.
 *
 * @throws AppError `reconcile.unconfirmed`
 */
export async function confirmOrganizations(
  clerk: RetryingClerk,
  candidates: readonly { clerkOrgId: string; isYoung: boolean }[],
): Promise<OrganizationAnswer> {
  const wanted = candidates.map(({ clerkOrgId }) => clerkOrgId);
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const newest = await clerk.listOrganizationPage({ orderBy: "-created_at", limit: sentinelCandidates });
    const sentinel = newest.entries.find(({ clerkOrgId }) => clerkOrgId !== null)?.clerkOrgId;
    if (sentinel == null) return readEach(clerk, wanted);
    const clerkOrgIds = [...new Set([...wanted, sentinel])];
    const query = { orderBy: "+created_at", limit: clerkOrgIds.length, clerkOrgIds } as const;
    const { entries } = await clerk.listOrganizationPage(query);
    const listed = new Set(entries.map(({ clerkOrgId }) => clerkOrgId));
    // An entry without a readable id may be any of these.
    if (!listed.has(sentinel) || listed.has(null)) continue;
    const lacking = candidates.filter(({ clerkOrgId }) => !listed.has(clerkOrgId));
    const alone = await readEach(
      clerk,
      lacking.filter(({ isYoung }) => isYoung).map(({ clerkOrgId }) => clerkOrgId),
    );
    const present = entries.filter(({ clerkOrgId }) => clerkOrgId !== null && wanted.includes(clerkOrgId));
    const absent = lacking.filter(({ isYoung }) => !isYoung).map(({ clerkOrgId }) => clerkOrgId);
    return { present: [...present, ...alone.present], absent: [...absent, ...alone.absent] };
  }
  throw new AppError("reconcile.unconfirmed", "Clerk's answers by id lack organizations that exist");
}

async function readEach(clerk: RetryingClerk, clerkOrgIds: readonly string[]): Promise<OrganizationAnswer> {
  const answer: OrganizationAnswer = { present: [], absent: [] };
  for (const clerkOrgId of clerkOrgIds) {
    const result = await clerk.readOrganization(clerkOrgId);
    if ("absent" in result) answer.absent.push(clerkOrgId);
    else answer.present.push({ clerkOrgId, result });
  }
  return answer;
}

/**
 * Asks the same about up to 99 members of one organization: see `confirmMemberships` of the gateway. Clerk has no request for
 * one membership. A young one counts as absent only if the list has as many members as the organization itself counts, and is
 * otherwise in neither list: the next run decides it.
 */
export async function confirmMembers(
  clerk: RetryingClerk,
  pairs: readonly { clerkOrgId: string; clerkId: string; isYoung: boolean }[],
): Promise<MembershipAnswer> {
  const [first] = pairs;
  if (!first) return { present: [], absent: [] };
  const { clerkOrgId } = first;
  const ids = pairs.map(({ clerkId }) => clerkId);
  const { present, absent } = await confirmMemberships(clerk, clerkOrgId, ids);
  const young = new Set(pairs.filter(({ isYoung }) => isYoung).map(({ clerkId }) => clerkId));
  if (!absent.some((id) => young.has(id)) || (await isWhole(clerk, clerkOrgId))) return { present, absent };
  return { present, absent: absent.filter((id) => !young.has(id)) };
}

/** Whether the list of an organization's members is as long as the organization says, which is not read from a list. */
async function isWhole(clerk: RetryingClerk, clerkOrgId: string): Promise<boolean> {
  const query = { of: "organization", clerkOrgId, orderBy: "-created_at", limit: 1 } as const;
  const page = await clerk.listMembershipPage(query);
  const organization = await clerk.readOrganization(clerkOrgId);
  if ("absent" in organization) return true;
  return page !== "absent" && "found" in organization && organization.found.members_count === page.totalCount;
}
