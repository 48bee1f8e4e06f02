import { readErrorCode } from "@rollcall/contracts";
import { type DueNotification, returnNotification } from "@rollcall/db";
import { JobFailure, type QueuedJob, readNotificationJob, type SyncQueueName } from "@rollcall/jobs";
import { giveUpNotification, sendNotification } from "@rollcall/sync";
import { UnrecoverableError } from "bullmq";
import type { WorkerContext } from "./context.ts";
import { type PauseQueue, throwIfOutage } from "./outage.ts";

/** Longer than the end of a job takes. */
const dueAgainAfterS = 2;

/** Runs one notification job. @throws JobFailure, after which the queue retries it; RateLimitError in an outage */
export async function processNotificationJob(
  context: WorkerContext,
  queue: SyncQueueName,
  job: QueuedJob,
  pauseQueue: PauseQueue,
): Promise<void> {
  const notification = readNotificationJob(job.data);
  if (!notification) throw new UnrecoverableError("job.unreadable");
  const { clerkId, eventId } = notification;
  const { profileName } = context.pool.tables;
  try {
    if (!context.notificationTarget) {
      // While workers are replaced, another one may have the target. It takes the notification from the outbox, where
      // one that no worker can send waits without holding up the queue.
      await returnNotification(context.pool, eventId, dueAgainAfterS);
      return;
    }
    const sent = await sendNotification(context.pool, context.notificationTarget, notification);
    if (sent)
      context.log.info(
        { event: "notification_sent", clerkId, eventId },
        `The app was notified of a new ${profileName}`,
      );
  } catch (error) {
    await throwIfOutage(context, queue, error, pauseQueue);
    if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) await giveUp(context, { eventId, clerkId });
    const code = readErrorCode(error);
    context.log.warn(
      { clerkId, eventId, code, err: error },
      `The app could not be notified of a new ${profileName}`,
    );
    throw new JobFailure(code);
  }
}

/** The job fails either way. If this write fails, the relay adds the notification again and it may be sent twice. */
async function giveUp({ pool, log }: WorkerContext, due: DueNotification): Promise<void> {
  await giveUpNotification(pool, due).catch((error: unknown) => {
    log.warn({ eventId: due.eventId, err: error }, "A notification that was given up is still due");
  });
}
