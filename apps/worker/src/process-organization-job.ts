import { type QueuedJob, readOrganizationJob, type SyncQueueName } from "@rollcall/jobs";
import { syncOrganization } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import type { PauseQueue } from "./outage.ts";
import { readPayload } from "./read-payload.ts";
import { runSyncWork } from "./run-sync-work.ts";

/** Runs one job about an organization or a membership, as `processSyncJob` does for a user. */
export async function processOrganizationJob(
  context: WorkerContext,
  queue: SyncQueueName,
  job: QueuedJob,
  pauseQueue: PauseQueue,
): Promise<void> {
  const startedAtMs = Date.now();
  const organizationJob = readPayload(context, job, readOrganizationJob);
  const { kind, cause, clerkOrgId, delivery } = organizationJob;
  const named = {
    kind,
    cause,
    clerkOrgId,
    ...("clerkId" in organizationJob && { clerkId: organizationJob.clerkId }),
  };
  const count = (outcome: string) =>
    context.metrics.count("rollcall_organization_syncs_total", { kind, cause, outcome });
  const work = async () => {
    const outcome = await syncOrganization(context.organizations, organizationJob, job.attemptsMade + 1);
    count(outcome);
    const lagMs = Math.max(0, Date.now() - organizationJob.eventAtMs);
    context.metrics.observe("rollcall_sync_lag_seconds", {}, lagMs / 1_000);
    const ms = Date.now() - startedAtMs;
    const line = { event: "organization_synced", ...named, outcome, delivery, ms } as const;
    if (outcome === "still_there") context.log.warn(line, "Clerk still has what a deletion names");
    else context.log.info(line, "Organization synced");
  };
  await runSyncWork(context, { queue, pauseQueue }, work, (code, error) => {
    count(code);
    const line = { event: "organization_sync_failed", ...named, code, err: error } as const;
    context.log.error(line, "An organization could not be synced");
  });
}
