import { AppError, clerkUserId } from "@rollcall/contracts";
import type { JobsOptions } from "bullmq";
import { z } from "zod";
import type { SyncQueueName } from "./queue-names.ts";

/**
 * look: read the user at Clerk and write what is there.
 * login: somebody logged in; read Clerk only when user or profile is missing.
 * delete: Clerk signed that the user is gone.
 */
export const syncJobKind = z.enum(["refresh", "provision", "delete"]);

/** Who asked for a look; a metric label, so the list stays short. */
export const syncCause = z.enum(["webhook", "ensure", "reconcile", "replay", "admin"]);

/** "Look at user X": names a user and never describes one. The whole payload of a job. */
export const syncJob = z.object({
  v: z.literal(1),
  kind: syncJobKind,
  clerkId: clerkUserId,
  cause: syncCause,
  /** When it happened at Clerk, or when the caller asked; milliseconds since the epoch. */
  eventAtMs: z.number().int().nonnegative(),
  /** The svix-id of the delivery that led here. */
  delivery: z.string().optional(),
});

export type SyncJob = z.infer<typeof syncJob>;

/** The name of the job that tells the app of a new mentorado. */
export const notificationJobName = "notify";

/** The payload of a notification job: which event of the timeline to tell of. */
export const notificationJob = z.object({
  v: z.literal(1),
  clerkId: clerkUserId,
  eventId: z.number().int().positive(),
});

export type NotificationJob = z.infer<typeof notificationJob>;

/**
 * Reads a job's payload.
 *
 * @throws AppError `job.unreadable`
 */
export function readSyncJob(payload: unknown): SyncJob {
  const result = syncJob.safeParse(payload);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => issue.path.join(".") || "payload");
  throw new AppError("job.unreadable", `Not a syncJob that this build knows: ${fields.join(", ")}`);
}

/** How often a job is tried and how long it is kept. Failed ones stay until the dead-letter mover took them. */
export const retryOptions = {
  attempts: 5,
  backoff: { type: "custom" },
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: false,
} as const satisfies JobsOptions;

/**
 * How a sync job is queued. Waiting sync jobs of one kind for one user merge, and one that meets an active job
 * runs after it. Kinds never merge with each other: a merged sync job's payload is discarded, so a login
 * that waits would swallow an update, and any sync job a deletion.
 */
export function decideJobOptions(syncJob: SyncJob): JobsOptions {
  return {
    ...retryOptions,
    deduplication: { id: dedupId(syncJob.kind, syncJob.clerkId), keepLastIfActive: true },
  };
}

function dedupId(kind: SyncJob["kind"], clerkId: string): string {
  return kind === "refresh" ? clerkId : `${kind}.${clerkId}`;
}

/** The dedup ids under which a user's sync jobs wait. */
export function dedupIds(clerkId: string): string[] {
  return syncJobKind.options.map((kind) => dedupId(kind, clerkId));
}

const retryDelaysMs = [1_000, 5_000, 15_000, 30_000] as const;

/**
 * How long a failed job waits before its next attempt. A sync job that meets a waiting retry is merged into it,
 * so the wait is short, and shorter where a person waits.
 *
 * @param attemptsMade attempts so far, 1 or more
 * @returns milliseconds
 */
export function decideRetryDelayMs(queue: SyncQueueName, attemptsMade: number): number {
  const delayMs = retryDelaysMs[attemptsMade - 1] ?? 30_000;
  return queue === "ensure" ? Math.min(delayMs, 5_000) : delayMs;
}
