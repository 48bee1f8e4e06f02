import { addSyncJob, type Producer, type QueueBackend } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";
import type { QueuedSyncJob } from "./draw-sync-job.ts";
import type { StressPlan } from "./plan.ts";

/** Opens the queues as api and worker do. */
export function openBackend({ backend, url }: StressPlan): QueueBackend {
  // An add that fails is not accepted, and workers reconnect. So connection errors need no handling here.
  const onError = () => undefined;
  return openQueueBackend({ redisNodes: backend === "redis" ? [url] : undefined, databaseUrl: url, onError });
}

/** The deadline of api and worker. */
export const addDeadlineMs = 2_000;

/** The servers are up. This is slack for a busy machine. */
export const connectDeadlineMs = 60_000;

/** The product's job options, without deduplication. */
const otherOptions = {
  attempts: 5,
  backoff: { type: "custom" },
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: false,
};

/** Queues a sync job with the plan's queueing. @throws AppError `queue.unavailable` */
export function queueSyncJob(
  plan: StressPlan,
  producer: Producer,
  { syncJob }: QueuedSyncJob,
): Promise<void> {
  const id = `${syncJob.kind}.${syncJob.clerkId}`;
  const add = (options: object) =>
    producer.add(
      { name: syncJob.kind, payload: syncJob, options: { ...otherOptions, ...options } },
      addDeadlineMs,
    );
  switch (plan.queueing) {
    case "production":
      return addSyncJob(producer, syncJob, addDeadlineMs);
    case "id-only":
      return add({ deduplication: { id } });
    case "job-id":
      return add({ deduplication: { id, keepLastIfActive: true }, jobId: id });
    default:
      return plan.queueing satisfies never;
  }
}
