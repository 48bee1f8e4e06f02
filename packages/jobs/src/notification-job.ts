import { clerkUserId } from "@rollcall/contracts";
import { z } from "zod";
import type { UserProducer } from "./producer.ts";
import { retryOptions } from "./retry.ts";

/** The name of the job that tells the app of a new profile. */
export const notificationJobName = "notify";

/** The whole payload: the event of the timeline that the app gets. */
const notificationJob = z.object({
  v: z.literal(1),
  clerkId: clerkUserId,
  eventId: z.number().int().positive(),
});

export type NotificationJob = z.infer<typeof notificationJob>;

/** Adds a notification job. A job of the same event that waits or runs is not added again. @throws AppError `queue.unavailable` */
export function addNotificationJob(
  producer: UserProducer,
  job: NotificationJob,
  deadlineMs: number,
): Promise<void> {
  // The id of an event that a failover lost is given again, while its job may still wait.
  const deduplication = { id: `${notificationJobName}.${job.eventId}.${job.clerkId}` };
  const options = { ...retryOptions, deduplication };
  return producer.add({ name: notificationJobName, payload: job, options, clerkId: job.clerkId }, deadlineMs);
}

/** Undefined for a payload that this version cannot read. */
export function readNotificationJob(payload: unknown): NotificationJob | undefined {
  return notificationJob.safeParse(payload).data;
}
