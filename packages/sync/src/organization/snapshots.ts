import type { ClerkMembership, ClerkOrganization } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import type { MembershipSnapshot, OrganizationSnapshot } from "@rollcall/db";

/** The number of a read, and what led to it. */
type Read = { readTicket: number; cause: string; ref: string | null };

/** Reduces an organization of Clerk's to the columns of its table. */
export function toOrganizationSnapshot(found: ClerkOrganization, read: Read): OrganizationSnapshot {
  return {
    clerkOrgId: found.id,
    name: found.name ?? found.id,
    slug: found.slug ?? null,
    imageUrl: found.image_url ?? null,
    membersCount: found.members_count ?? null,
    clerkCreatedAtMs: found.created_at,
    clerkUpdatedAtMs: found.updated_at,
    ...read,
  };
}

/**
 * Does the same for a membership.
 *
 * @throws AppError `clerk.unreadable` without a readable role: a row without its role could let a member do what only an
 * admin may, in an app that has such a default
 */
export function toMembershipSnapshot(found: ClerkMembership, read: Read): MembershipSnapshot {
  if (found.role === null) throw new AppError("clerk.unreadable", "The role of a membership cannot be read");
  return {
    clerkOrgId: found.clerkOrgId,
    clerkId: found.clerkId,
    membershipId: found.id,
    role: found.role,
    clerkCreatedAtMs: found.created_at,
    clerkUpdatedAtMs: found.updated_at,
    ...read,
  };
}
