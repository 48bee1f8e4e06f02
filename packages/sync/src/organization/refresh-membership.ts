import type { ClerkMembership } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  endAbsentMembership,
  endMembership,
  findMembershipState,
  inTransaction,
  type MembershipState,
  nameMembership,
  readClock,
  recordAbsenceAt,
  recordEvent,
} from "@rollcall/db";
import type { MembershipJob } from "@rollcall/jobs";
import { longestListLagMs } from "../user/confirm-absence.ts";
import {
  attemptsForAbsence,
  attemptsForDeletion,
  type OrganizationContext,
  type OrganizationSyncOutcome,
  originOf,
} from "./organization-context.ts";
import { refreshOrganization } from "./refresh-organization.ts";
import { toMembershipSnapshot } from "./snapshots.ts";

/** Reads the membership of a job's pair at Clerk and writes what is there. */
export async function refreshMembership(
  context: OrganizationContext,
  job: MembershipJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { pool } = context;
  // An ensure call waits for the answer, and counts only one that was asked for after it began.
  const askedAt = job.cause === "ensure" ? await readClock(pool) : undefined;
  const outcome = await bringUpToDate(context, job, attempt);
  if (askedAt !== undefined && outcome !== "written" && outcome !== "unchanged")
    await recordAbsenceAt(pool, nameMembership(job), askedAt);
  if (outcome === "absent" && attempt < attemptsForAbsence)
    throw new AppError("user.absent", "Clerk has no such membership yet");
  return outcome;
}

async function bringUpToDate(
  context: OrganizationContext,
  job: MembershipJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { pool } = context;
  const first = await context.readMembership(job);
  if ("found" in first.result)
    return writeFound(context, job, attempt, first.result.found, first.readSequence);
  const before = await findMembershipState(pool, job);
  if (before.isEnded) return "deleted";
  if (before.membershipId === null) return "absent";
  // The first read may be older than the row: another worker may have written it in between.
  const second = await context.readMembership(job);
  if ("found" in second.result)
    return writeFound(context, job, attempt, second.result.found, second.readSequence);
  if (isYoung(before)) return leaveYoung(attempt);
  const readTicket = second.readSequence;
  const { membershipId } = before;
  const outcome = await inTransaction(pool, (client) =>
    endAbsentMembership(client, job, { membershipId, readTicket }, originOf(job)),
  );
  return outcome === "changed" ? askAgain() : outcome;
}

/** Clerk has no request for one membership, only lists. They may lag behind its writes, and an end is final. */
function isYoung({ createdAtMs }: MembershipState): boolean {
  return createdAtMs !== null && Date.now() - createdAtMs < longestListLagMs;
}

/** Leaves a membership that a list may be too old to show. A signed end, or the next full sync, decides about it. */
function leaveYoung(attempt: number): "unconfirmed" {
  if (attempt < attemptsForAbsence)
    throw new AppError("user.absent", "Clerk's list may be older than the membership");
  return "unconfirmed";
}

function askAgain(): never {
  throw new AppError("user.absent", "The membership changed while Clerk was asked");
}

/**
 * Writes a membership. If its user or its organization is missing, it refreshes that first: their events may come later, or
 * never. The user comes first in the order of locks, but each refresh is a transaction of its own.
 */
async function writeFound(
  context: OrganizationContext,
  job: MembershipJob,
  attempt: number,
  found: ClerkMembership,
  readTicket: number,
): Promise<OrganizationSyncOutcome> {
  const snapshot = toMembershipSnapshot(found, { readTicket, ...originOf(job) });
  const write = () => context.writeMembership(snapshot);
  let outcome = await write();
  if (outcome === "user_missing" || outcome === "organization_missing") {
    await context.refreshUser(job.clerkId, job, attempt);
    await refreshOrganization(context, job, attempt);
    outcome = await write();
  }
  switch (outcome) {
    case "written":
    case "unchanged":
      return outcome;
    case "ended":
    case "user_deleted":
    case "organization_deleted":
      return "deleted";
    case "user_missing":
    case "organization_missing":
      if (attempt >= attemptsForAbsence) return "absent";
      throw new AppError("user.absent", "The membership's user or organization has no row yet");
    case "stale":
      return askAgain();
    default:
      return outcome satisfies never;
  }
}

/** A delete job is a reason to ask Clerk and no proof. A user who joined again meanwhile is a member. */
export async function deleteMembership(
  context: OrganizationContext,
  job: MembershipJob,
  attempt: number,
): Promise<OrganizationSyncOutcome> {
  const { pool } = context;
  // Read before Clerk is asked, so that the answer is younger than the row that it decides about.
  const before = await findMembershipState(pool, job);
  const { result, readSequence: readTicket } = await context.readMembership(job);
  if ("found" in result) {
    const { found } = result;
    const isOther = before.membershipId !== null && before.membershipId !== found.id;
    if (isOther || isOfEarlier(job, found.created_at))
      return writeFound(context, job, attempt, found, readTicket);
    if (attempt < attemptsForDeletion)
      throw new AppError("user.still_there", "Clerk still has the membership");
    if (before.membershipId !== null)
      await recordEvent(pool, {
        ...{ clerkId: job.clerkId, kind: "membership_end_unconfirmed", ...originOf(job) },
        details: { clerkOrgId: job.clerkOrgId },
      });
    return "still_there";
  }
  // The event is about an earlier membership of the pair, so it proves nothing about this one.
  if (isYoung(before) && (job.cause !== "webhook" || isOfEarlier(job, before.createdAtMs)))
    return leaveYoung(attempt);
  const { membershipId } = before;
  const outcome = await inTransaction(pool, (client) =>
    endMembership(client, job, { membershipId, readTicket }, { by: "signature", ...originOf(job) }),
  );
  if (outcome === "changed")
    throw new AppError("user.still_there", "The membership's row is younger than Clerk's answer");
  return outcome;
}

/**
 * Whether the event of a job came before a membership began, so that it was about an earlier one. Clerk tells times of events in
 * seconds or in milliseconds, and a whole second may be up to a second too early. A replayed job has the time of its replay.
 */
function isOfEarlier({ eventAtMs }: MembershipJob, createdAtMs: number | null): boolean {
  const latestMs = eventAtMs % 1_000 === 0 ? eventAtMs + 999 : eventAtMs;
  return createdAtMs !== null && latestMs < createdAtMs;
}
