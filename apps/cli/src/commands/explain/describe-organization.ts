import type { OrganizationReport } from "@rollcall/contracts";
import type { MembershipReport } from "@rollcall/sync";
import { describeWork, section } from "./describe-report.ts";

/** The report of an organization as lines of a terminal. It holds no name of a user. */
export function describeOrganization(report: OrganizationReport): string[] {
  const { clerkOrgId, why, organization, hasRow, clerk, clerkError, timeline } = report;
  return [
    clerkOrgId,
    why,
    ...section("Here", [
      ["Clerk", describeClerk(clerk, clerkError)],
      ["state", organization?.state ?? "unknown"],
      ["row", hasRow ? (organization?.name ?? "without a name") : "none"],
      ["members", describeMembers(organization)],
    ]),
    ...describeWork(report),
    ...section(
      "Timeline",
      timeline.map(({ at, kind, cause, ref, clerkId }) => [
        at,
        `${kind}${clerkId === null || clerkId === clerkOrgId ? "" : ` of ${clerkId}`} by ${cause}${ref ? ` ${ref}` : ""}`,
      ]),
    ),
  ];
}

/** The report of the membership of a pair. */
export function describeMembership(report: MembershipReport): string[] {
  const { clerkOrgId, clerkId, why, membership, clerk, clerkError, clerkRole, timeline } = report;
  const role = clerkRole === null ? "" : `, ${clerkRole}`;
  const row = membership?.hasRow ? (membership.role ?? "without a role") : "none";
  return [
    `${clerkOrgId} ${clerkId}`,
    why,
    ...section("Here", [
      ["Clerk", `${describeClerk(clerk, clerkError)}${role}`],
      ["row", row],
    ]),
    ...describeWork(report),
    ...section(
      "Timeline",
      timeline.map(({ at, kind, cause, ref }) => [at, `${kind} by ${cause}${ref ? ` ${ref}` : ""}`]),
    ),
  ];
}

function describeMembers(organization: OrganizationReport["organization"]): string {
  if (organization === null) return "none";
  const { count, more } = organization.members;
  return `${count}${more ? " and more" : ""}`;
}

const describeClerk = (clerk: string, error: string | null) =>
  error === null ? clerk : `${clerk}: ${error}`;
