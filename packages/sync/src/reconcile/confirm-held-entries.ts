import type { RunView } from "@rollcall/contracts";
import {
  decideEntryCandidates,
  endMemberships,
  listAbsentMemberships,
  listAbsentOrganizations,
  listMembershipCandidates,
  type Queryable,
  releaseMemberships,
  releaseOrganizations,
  tombstoneOrganizations,
} from "@rollcall/db";
import { confirmMembers, confirmOrganizations, maxOrganizationsPerConfirmation } from "./confirm-entries.ts";
import type { RetryingClerk } from "./retrying-clerk.ts";
import type { ReconcileContext } from "./runner.ts";
import { invalidateOrganizations, invalidateSessions } from "./write-page.ts";

type EndHeld = { context: ReconcileContext; clerk: RetryingClerk; signal: AbortSignal; by: string };

type Decided = { deleted: number; failed: number; decided: number };

/** Runs a step in a transaction that holds the lease, and records what it decided. */
type RecordStep = (step: (client: Queryable) => Promise<Decided>) => Promise<RunView>;

/**
 * Carries out the held ends of organizations and memberships after an operator's confirmation, as `confirmDeletions` does for
 * users: Clerk is asked again about each of them, and those that exist are released.
 */
export async function confirmHeldEntries(
  endHeld: EndHeld,
  run: RunView,
  record: RecordStep,
): Promise<RunView> {
  return confirmHeldMemberships(endHeld, await confirmHeldOrganizations(endHeld, run, record), record);
}

async function confirmHeldOrganizations(
  { context, clerk, signal, by }: EndHeld,
  from: RunView,
  record: RecordStep,
): Promise<RunView> {
  for (let run = from; ; ) {
    const held = await listAbsentOrganizations(context.pool, run.id, maxOrganizationsPerConfirmation);
    if (held.length === 0) return run;
    // The list of a moment ago may be older than a row, so each absent one is read alone.
    const asked = held.map((clerkOrgId) => ({ clerkOrgId, isYoung: true }));
    const { absent } = await confirmOrganizations(clerk, asked);
    const gone = new Set(absent);
    let failed = 0;
    await record(async (client) => {
      const why = { by: "person", cause: "admin", ref: by } as const;
      const { deleted, refused } = await tombstoneOrganizations(client, absent, why);
      await releaseOrganizations(
        client,
        held.filter((clerkOrgId) => !gone.has(clerkOrgId)),
      );
      failed = refused.length;
      return { deleted: deleted.length, failed, decided: 0 };
    });
    // Before they leave the list: if this process dies in between, the next call drops them again.
    await invalidateOrganizations({ context, signal }, absent);
    run = await record(async (client) => {
      const entries = held.map((clerkOrgId) => ({ clerkOrgId }));
      await decideEntryCandidates(client, run.id, { present: entries, absent: [] });
      // One that Postgres refused stays held, until the next full sync finds it again.
      return { deleted: 0, failed: 0, decided: held.length - failed };
    });
  }
}

async function confirmHeldMemberships(
  { context, clerk, signal, by }: EndHeld,
  from: RunView,
  record: RecordStep,
): Promise<RunView> {
  for (let run = from; ; ) {
    const held = await listMembershipCandidates(context.pool, run.id, maxOrganizationsPerConfirmation, {
      isAbsent: true,
    });
    const [first] = held;
    if (!first) return run;
    const named = await listAbsentMemberships(context.pool, run.id, first.clerkOrgId);
    const gone = new Set((await confirmMembers(clerk, held)).absent);
    const absent = named.filter(({ clerkId }) => gone.has(clerkId));
    let failed = 0;
    await record(async (client) => {
      const why = { by: "person", cause: "admin", ref: by } as const;
      const { ended, refused } = await endMemberships(client, absent, why);
      await releaseMemberships(
        client,
        held.filter(({ clerkId }) => !gone.has(clerkId)),
      );
      failed = refused.length;
      return { deleted: ended.length, failed, decided: 0 };
    });
    await invalidateSessions({ context, signal }, [...gone]);
    run = await record(async (client) => {
      await decideEntryCandidates(client, run.id, { present: held, absent: [] });
      return { deleted: 0, failed: 0, decided: held.length - failed };
    });
  }
}
