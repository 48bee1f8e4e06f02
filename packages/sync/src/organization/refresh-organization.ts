import type { ClerkOrganization, OrganizationResult } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  applyOrganizations,
  findOrganizationState,
  inTransaction,
  nextReadSequence,
  type OrganizationOutcome,
  recordEvent,
  tombstoneAbsentOrganization,
  tombstoneOrganization,
} from "@rollcall/db";
import type { OrganizationJob } from "@rollcall/jobs";
import { readAlone } from "../user/fetch-users.ts";
import {
  attemptsForAbsence,
  attemptsForDeletion,
  type OrganizationContext,
  type OrganizationSyncOutcome,
  originOf,
} from "./organization-context.ts";
import { toOrganizationSnapshot } from "./snapshots.ts";

type Read = { result: Exclude<OrganizationResult, { unreadable: AppError }>; readSequence: number };

async function read({ pool, clerk }: OrganizationContext, clerkOrgId: string): Promise<Read> {
  const readSequence = await nextReadSequence(pool);
  const result = await readAlone(clerk, () => clerk.readOrganization(clerkOrgId));
  if ("unreadable" in result) throw result.unreadable;
  return { result, readSequence };
}

/** Reads the organization of a job at Clerk and writes what is there. */
export async function refreshOrganization(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { clerkOrgId } = job;
  const first = await read(context, clerkOrgId);
  if ("found" in first.result) return write(context, job, first.result.found, first.readSequence);
  const before = await findOrganizationState(context.pool, clerkOrgId);
  if (before === "deleted") return "deleted";
  if (before === "unknown") {
    if (attempt < attemptsForAbsence) throw new AppError("user.absent", "Clerk has no such organization yet");
    return "absent";
  }
  // The first read may be older than the row: another worker may have written it in between.
  const second = await read(context, clerkOrgId);
  if ("found" in second.result) return write(context, job, second.result.found, second.readSequence);
  return inTransaction(context.pool, (client) =>
    tombstoneAbsentOrganization(client, clerkOrgId, originOf(job)),
  );
}

async function write(
  { pool }: OrganizationContext,
  job: OrganizationJob,
  found: ClerkOrganization,
  readTicket: number,
): Promise<OrganizationOutcome> {
  const snapshot = toOrganizationSnapshot(found, { readTicket, ...originOf(job) });
  const outcomes = await inTransaction(pool, (client) => applyOrganizations(client, [snapshot]));
  const outcome = outcomes.get(found.id);
  if (outcome === undefined) throw new AppError("internal", "A write returned no outcome for an id");
  return outcome;
}

/** A delete job is a reason to ask Clerk and no proof. A confirmed absence does not count against the guard. */
export async function deleteOrganization(
  context: OrganizationContext,
  job: OrganizationJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { pool } = context;
  const { clerkOrgId } = job;
  // Read before Clerk is asked, so that the answer is younger than the row that it decides about.
  const before = await findOrganizationState(pool, clerkOrgId);
  const { result } = await read(context, clerkOrgId);
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
