import type { MembershipJob, OrganizationJob } from "@rollcall/jobs";
import type { OrganizationContext, OrganizationSyncOutcome } from "./organization-context.ts";
import { deleteMembership, refreshMembership } from "./refresh-membership.ts";
import { deleteOrganization, refreshOrganization } from "./refresh-organization.ts";

/**
 * The one handler behind every job about organizations. It may run twice, late or out of order.
 *
 * @param attempt counts from 1
 * @throws AppError; `user.absent` and `user.still_there` ask for another attempt, as for users, and `queue.unavailable` when
 * the session cache was not invalidated
 */
export async function syncOrganization(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  if (!context.pool.tables.organizations) return "off";
  switch (job.kind) {
    case "refresh-organization":
      return refreshOrganization(context, job, attempt);
    case "delete-organization":
      return deleteOrganization(context, job, attempt);
    case "refresh-membership":
      return thenInvalidate(context, job, refreshMembership(context, job, attempt));
    case "delete-membership":
      return thenInvalidate(context, job, deleteMembership(context, job, attempt));
    default:
      return job satisfies never;
  }
}

/** The memberships of a user are in the user's part of the session cache: see `OrganizationCache`. */
async function thenInvalidate<Outcome>(
  { sessionCache }: OrganizationContext,
  { clerkId }: MembershipJob,
  work: Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work;
  } finally {
    await sessionCache.invalidate([clerkId], { onFailure: "throw" });
  }
}
