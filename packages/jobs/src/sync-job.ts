import { AppError, clerkUserId, type JobView } from "@rollcall/contracts";
import type { JobsOptions } from "bullmq";
import { z } from "zod";
import type { JobQueue } from "./backend.ts";
import type { UserProducer } from "./producer.ts";
import { retryOptions } from "./retry.ts";

/**
 * refresh: read the user at Clerk and write what is there.
 * provision: a user logged in; read Clerk only when the user or the profile is missing.
 * delete: a signed event says that the user was deleted. The worker asks Clerk before it believes that.
 */
const syncJobKind = z.enum(["refresh", "provision", "delete"]);

/** The cause of the job. It is a metric label, so the list stays short. */
export const syncCause = z.enum(["webhook", "ensure", "reconcile", "replay", "admin"]);

/** The whole payload: "bring user X up to date". It names a user and never describes one. */
export const syncJob = z.object({
  v: z.literal(1),
  kind: syncJobKind,
  clerkId: clerkUserId,
  cause: syncCause,
  /** When the event happened at Clerk, or when the caller asked; milliseconds since the epoch. */
  eventAtMs: z.number().int().nonnegative(),
  /** The svix-id of the delivery that caused the job. */
  delivery: z.string().optional(),
});

export type SyncJob = z.infer<typeof syncJob>;

/** Adds a sync job to a queue. @throws AppError `queue.unavailable` */
export function addSyncJob(producer: UserProducer, job: SyncJob, deadlineMs: number): Promise<void> {
  const { kind: name, clerkId } = job;
  return producer.add({ name, payload: job, options: decideJobOptions(job), clerkId }, deadlineMs);
}

/**
 * Waiting jobs of one user and kind merge, and a job that meets an active job runs after it. Kinds never merge with each
 * other, because a merged job's payload is discarded: a waiting `provision` would swallow an update or a deletion.
 */
function decideJobOptions(job: SyncJob): JobsOptions {
  return {
    ...retryOptions,
    deduplication: { id: dedupId(job.kind, job.clerkId), keepLastIfActive: true },
  };
}

function dedupId(kind: SyncJob["kind"], clerkId: string): string {
  return kind === "refresh" ? clerkId : `${kind}.${clerkId}`;
}

/** Reads a job's payload. @throws AppError `job.unreadable` */
export function readSyncJob(payload: unknown): SyncJob {
  const result = syncJob.safeParse(payload);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => issue.path.join(".") || "payload");
  throw new AppError("job.unreadable", `This version reads no such sync job: ${fields.join(", ")}`);
}

/** A user's waiting and active sync jobs in a queue. */
export function findJobsOfUser(queue: JobQueue, clerkId: string): Promise<JobView[]> {
  return findJobs(
    queue,
    syncJobKind.options.map((kind) => dedupId(kind, clerkId)),
  );
}

/** The waiting and active jobs with these deduplication ids. */
export async function findJobs(queue: JobQueue, dedupIds: readonly string[]): Promise<JobView[]> {
  const found = await Promise.all(
    dedupIds.map(async (id): Promise<JobView[]> => {
      const jobId = await queue.getDeduplicationJobId(id);
      const job = jobId ? await queue.getJob(jobId) : undefined;
      if (!job) return [];
      return [
        {
          queue: queue.name,
          kind: job.name,
          state: String(await job.getState()),
          attempts: job.attemptsMade,
          code: job.failedReason ?? null,
          at: new Date(job.timestamp).toISOString(),
        },
      ];
    }),
  );
  return found.flat();
}
