import type { ClerkGateway } from "@rollcall/clerk";
import type { OrganizationJob } from "@rollcall/jobs";
import type { ChangeOrigin } from "../user/rules.ts";
import type { SyncContext } from "../user/sync-user.ts";

/** Reads and writes of one organization or membership. A membership may first refresh its user: see `SyncContext`. */
export type OrganizationContext = Pick<SyncContext, "pool" | "sessionCache"> & {
  clerk: Pick<ClerkGateway, "readOrganization" | "readMembership" | "countUsers">;
  /** Brings a user up to date, as a sync job does. */
  refreshUser: (clerkId: string, job: OrganizationJob, attempt: number) => Promise<unknown>;
};

/**
 * The outcome of a job about an organization or a membership. written, unchanged: Clerk has it, and the row did or did not
 * change. tombstoned: it ended now; deleted: it had ended before. absent: Clerk has none, and there is no row. held: it is
 * absent without a signed event, and so are too many others. still_there: Clerk still has what a deletion names.
 * unconfirmed: Clerk's lists lack a membership, and may be older than it. off: the mapping has no organizations.
 */
export type OrganizationSyncOutcome =
  | "written"
  | "unchanged"
  | "tombstoned"
  | "deleted"
  | "absent"
  | "held"
  | "still_there"
  | "unconfirmed"
  | "off";

/** Attempts until an id without a row counts as absent: Clerk's reads may lag behind its writes. */
export const attemptsForAbsence = 4;
/** Attempts until a deletion of what Clerk still has is left to reconcile: a minute, see `decideRetryDelayMs`. */
export const attemptsForDeletion = 5;

export function originOf({ cause, delivery }: OrganizationJob): ChangeOrigin {
  return { cause, ref: delivery ?? null };
}
