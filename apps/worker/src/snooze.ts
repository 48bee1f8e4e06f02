import type { QueuedJob } from "@rollcall/jobs";
import { DelayedError } from "bullmq";

/**
 * Gives a job back to its queue for a while: any worker may take it then, and it burns no attempt.
 *
 * @throws DelayedError, which tells BullMQ so; whatever the queue's database throws when it is away
 */
export async function snooze(job: QueuedJob, token: string | undefined, forMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + forMs, token);
  throw new DelayedError();
}
