import { isOfNewerVersion, type JobProcessor, type QueueName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { snooze } from "./snooze.ts";

/** How long such a job is left alone: while workers are being replaced, one of the next looks is a newer one's. */
const retryAfterMs = 2_000;

/**
 * Runs a job, unless a newer build made it: that one waits, burns no attempt and is no dead letter, until a worker takes
 * it that can read it. When none ever comes the alert `queue_stalled` tells.
 */
export function snoozeNewerVersions(
  { log }: WorkerContext,
  queue: QueueName,
  process: JobProcessor,
): JobProcessor {
  let told = false;
  return async (job, token, signal) => {
    if (!isOfNewerVersion(job.data)) return process(job, token, signal);
    if (!told) log.warn({ queue, jobId: job.id }, "Jobs of a newer build wait for a newer worker");
    told = true;
    return snooze(job, token, retryAfterMs);
  };
}
