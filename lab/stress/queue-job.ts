import { addSyncJob, type Producer } from "@rollcall/jobs";
import { addDeadlineMs } from "./connect.ts";
import type { Addressed } from "./crowd.ts";
import type { StressPlan } from "./plan.ts";

/** As our own options, less what protects them. */
const otherOptions = {
  attempts: 5,
  backoff: { type: "custom" },
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: false,
};

/** Queues a sync job as the plan says. @throws AppError `queue.unavailable` */
export function queueSyncJob(plan: StressPlan, producer: Producer, { syncJob }: Addressed): Promise<void> {
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
