import { AppError, clerkUserId } from "@rollcall/contracts";
import type { JobsOptions } from "bullmq";
import { z } from "zod";
import type { NudgeQueueName } from "./queue-names.ts";

/**
 * look: read the user at Clerk and write what is there.
 * login: somebody logged in; read Clerk only when user or profile is missing.
 * delete: Clerk signed that the user is gone.
 */
export const nudgeKind = z.enum(["look", "login", "delete"]);

/** Who asked for a look; a metric label, so the list stays short. */
export const nudgeCause = z.enum(["webhook", "ensure", "reconcile", "replay", "admin"]);

/** "Look at user X": names a user and never describes one. The whole payload of a job. */
export const nudge = z.object({
  v: z.literal(1),
  kind: nudgeKind,
  clerkId: clerkUserId,
  cause: nudgeCause,
  /** When it happened at Clerk, or when the caller asked; milliseconds since the epoch. */
  eventAtMs: z.number().int().nonnegative(),
  /** The svix-id of the delivery that led here. */
  delivery: z.string().optional(),
});

export type Nudge = z.infer<typeof nudge>;

/**
 * Reads a job's payload.
 *
 * @throws AppError `job.unreadable`
 */
export function readNudge(payload: unknown): Nudge {
  const result = nudge.safeParse(payload);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => issue.path.join(".") || "payload");
  throw new AppError("job.unreadable", `Not a nudge that this build knows: ${fields.join(", ")}`);
}

export const maxAttempts = 5;

/**
 * How a nudge is queued. Waiting nudges of one kind for one user merge, and one that meets an active job
 * runs after it. Kinds never merge with each other: a merged nudge's payload is discarded, so a login
 * that waits would swallow an update, and any nudge a deletion.
 */
export function decideJobOptions(nudge: Nudge): JobsOptions {
  const id = nudge.kind === "look" ? nudge.clerkId : `${nudge.kind}.${nudge.clerkId}`;
  return {
    deduplication: { id, keepLastIfActive: true },
    attempts: maxAttempts,
    backoff: { type: "custom" },
    removeOnComplete: { age: 3_600, count: 1_000 },
    removeOnFail: false,
  };
}

const retryDelaysMs = [1_000, 5_000, 15_000, 30_000] as const;

/**
 * How long a failed job waits before its next attempt. A nudge that meets a waiting retry is merged into it,
 * so the wait is short, and shorter where a person waits.
 *
 * @param attemptsMade attempts so far, 1 or more
 * @returns milliseconds
 */
export function decideRetryDelayMs(queue: NudgeQueueName, attemptsMade: number): number {
  const delayMs = retryDelaysMs[attemptsMade - 1] ?? 30_000;
  return queue === "ensure" ? Math.min(delayMs, 5_000) : delayMs;
}
