import {
  JobFailure,
  notificationJob,
  type QueuedJob,
  readErrorCode,
  type SyncQueueName,
} from "@rollcall/jobs";
import { giveUpNotification, relayNotifications, sendNotification } from "@rollcall/sync";
import { UnrecoverableError } from "bullmq";
import type { WorkerContext } from "./context.ts";
import { type PauseQueue, throwIfOutage } from "./outage.ts";
import { startTask } from "./task.ts";

const relayEveryMs = 1_000;

/** Turns due events into jobs, while somebody wants to be told. @returns stops it */
export function startNotificationRelay(context: WorkerContext): () => void {
  if (!context.notificationTarget) return () => undefined;
  return startTask(context, "notification relay", relayEveryMs, async () => {
    await relayNotifications(context.pool, context.producers.sync);
  });
}

/** Runs one notification job. @throws JobFailure, after which it is tried again */
export async function processNotificationJob(
  context: WorkerContext,
  queue: SyncQueueName,
  job: QueuedJob,
  pauseQueue: PauseQueue,
): Promise<void> {
  const read = notificationJob.safeParse(job.data);
  if (!read.success) throw new UnrecoverableError("job.unreadable");
  const { clerkId, eventId } = read.data;
  // The hook was taken out of the configuration after the job was made: then nobody wants to know.
  if (!context.notificationTarget) return;
  try {
    const delivered = await sendNotification(context.pool, context.notificationTarget, read.data);
    if (delivered)
      context.log.info({ event: "notification_sent", clerkId, eventId }, "The app knows of a new mentorado");
  } catch (error) {
    await throwIfOutage(context, queue, error, pauseQueue);
    if (job.attemptsMade + 1 >= (job.opts.attempts ?? 1)) await giveUp(context, eventId);
    const code = readErrorCode(error);
    context.log.warn({ clerkId, eventId, code, err: error }, "The app could not be told of a new mentorado");
    throw new JobFailure(code);
  }
}

/** It fails either way; where this is not written, the relay tries it again, and it is told once more. */
async function giveUp({ pool, log }: WorkerContext, eventId: number): Promise<void> {
  await giveUpNotification(pool, eventId).catch((error: unknown) => {
    log.warn({ eventId, err: error }, "A hook that was given up is still due");
  });
}
