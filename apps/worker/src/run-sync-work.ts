import { type ErrorCode, readErrorCode } from "@rollcall/contracts";
import { readRefusal } from "@rollcall/db";
import { JobFailure, type SyncQueueName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { type PauseQueue, throwIfOutage } from "./outage.ts";

/**
 * Runs the work of one job about a user, an organization or a membership.
 *
 * @param reportFailure called for a failure of this job alone
 * @throws RateLimitError in an outage, which burns no attempt; otherwise an error that holds a code alone
 */
export async function runSyncWork(
  context: WorkerContext,
  { queue, pauseQueue }: { queue: SyncQueueName; pauseQueue: PauseQueue },
  work: () => Promise<void>,
  reportFailure: (code: ErrorCode, error: unknown) => void,
): Promise<void> {
  try {
    await work();
  } catch (failure) {
    const error = await context.pool.schema.explain(failure);
    const code = readErrorCode(error);
    // An outage leaves this function as an error of BullMQ's, without the code.
    context.tracing?.active()?.set({ "rollcall.error.code": code });
    await throwIfOutage(context, queue, error, pauseQueue);
    // These are no failures: the rules ask for another attempt.
    if (code !== "user.absent" && code !== "user.still_there") reportFailure(code, error);
    throw new JobFailure(code, readRefusal(error));
  }
  context.outages.end(queue);
}
