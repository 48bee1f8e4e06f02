import { JobFailure, type NudgeQueueName, type QueuedJob, readErrorCode, welcome } from "@rollcall/jobs";
import { deliverWelcome, giveUpWelcome, relayWelcomes } from "@rollcall/sync";
import { UnrecoverableError } from "bullmq";
import type { WorkerContext } from "./context.ts";
import { type PauseQueue, throwIfOutage } from "./outage.ts";
import { startTask } from "./task.ts";

const relayEveryMs = 1_000;

/** Turns due events into jobs, while somebody wants to be told. @returns stops it */
export function startWelcomeRelay(context: WorkerContext): () => void {
  if (!context.welcomeHook) return () => undefined;
  return startTask(context, "welcome relay", relayEveryMs, async () => {
    await relayWelcomes(context.pool, context.producers.sync);
  });
}

/** Runs one welcome job. @throws JobFailure, after which it is tried again */
export async function processWelcome(
  context: WorkerContext,
  queue: NudgeQueueName,
  job: QueuedJob,
  pauseQueue: PauseQueue,
): Promise<void> {
  const read = welcome.safeParse(job.data);
  if (!read.success) throw new UnrecoverableError("job.unreadable");
  const { clerkId, eventId } = read.data;
  // The hook was taken out of the configuration after the job was made: then nobody wants to know.
  if (!context.welcomeHook) return;
  try {
    const delivered = await deliverWelcome(context.pool, context.welcomeHook, read.data);
    if (delivered)
      context.log.info({ event: "hook_delivered", clerkId, eventId }, "The app knows of a new mentorado");
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
  await giveUpWelcome(pool, eventId).catch((error: unknown) => {
    log.warn({ eventId, err: error }, "A hook that was given up is still due");
  });
}
