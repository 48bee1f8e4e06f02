import type { ClerkOrganization } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  findOrganizationState,
  inTransaction,
  type OrganizationOutcome,
  recordEvent,
  tombstoneAbsentOrganization,
  tombstoneOrganization,
} from "@rollcall/db";
import type { OrganizationJob } from "@rollcall/jobs";
import {
  attemptsForAbsence,
  attemptsForDeletion,
  type OrganizationContext,
  type OrganizationSyncOutcome,
  originOf,
} from "./organization-context.ts";
import { toOrganizationSnapshot } from "./snapshots.ts";

/** Whatever the work ended with, no member may get an answer from before it. */
async function thenInvalidate<Outcome>(
  { sessionCache }: OrganizationContext,
  { clerkOrgId }: OrganizationJob,
  work: Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work;
  } finally {
    await sessionCache.organizations.invalidate([clerkOrgId], { onFailure: "throw" });
  }
}

/** Reads the organization of a job at Clerk and writes what is there. */
export function refreshOrganization(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  return thenInvalidate(context, job, bringUpToDate(context, job, attempt));
}

async function bringUpToDate(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { clerkOrgId } = job;
  const first = await context.readOrganization(clerkOrgId);
  if ("found" in first.result) return write(context, job, first.result.found, first.readSequence);
  const before = await findOrganizationState(context.pool, clerkOrgId);
  if (before === "deleted") return "deleted";
  if (before === "unknown") {
    if (attempt < attemptsForAbsence) throw new AppError("user.absent", "Clerk has no such organization yet");
    return "absent";
  }
  // The first read may be older than the row: another worker may have written it in between.
  const second = await context.readOrganization(clerkOrgId);
  if ("found" in second.result) return write(context, job, second.result.found, second.readSequence);
  return inTransaction(context.pool, (client) =>
    tombstoneAbsentOrganization(client, clerkOrgId, originOf(job)),
  );
}

function write(
  context: OrganizationContext,
  job: OrganizationJob,
  found: ClerkOrganization,
  readTicket: number,
): Promise<OrganizationOutcome> {
  return context.writeOrganization(toOrganizationSnapshot(found, { readTicket, ...originOf(job) }));
}

/** A delete job is a reason to ask Clerk and no proof. A confirmed absence does not count against the guard. */
export function deleteOrganization(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  return thenInvalidate(context, job, confirmDeletion(context, job, attempt));
}

async function confirmDeletion(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { pool } = context;
  const { clerkOrgId } = job;
  // Read before Clerk is asked, so that the answer is younger than the row that it decides about.
  const before = await findOrganizationState(pool, clerkOrgId);
  const { result } = await context.readOrganization(clerkOrgId);
  if ("found" in result) {
    if (attempt < attemptsForDeletion)
      throw new AppError("user.still_there", "Clerk still has the organization");
    if (before !== "unknown")
      await recordEvent(pool, { clerkId: clerkOrgId, kind: "deletion_unconfirmed", ...originOf(job) });
    return "still_there";
  }
  return inTransaction(pool, async (client) => {
    const was = await tombstoneOrganization(client, clerkOrgId, { by: "signature", ...originOf(job) });
    // Another worker wrote it after Clerk had answered here. The transaction is undone, and Clerk is asked again.
    if (was === "live" && before === "unknown")
      throw new AppError("user.still_there", "The organization's row is younger than Clerk's answer");
    return was === "deleted" ? "deleted" : "tombstoned";
  });
}
