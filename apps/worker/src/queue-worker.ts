import { setTimeout as sleep } from "node:timers/promises";
import {
  isOfNewerVersion,
  type JobProcessor,
  type JobQueue,
  type JobWorker,
  type QueuedJob,
  type QueueName,
  traceJobs,
} from "@rollcall/jobs";
import { DelayedError } from "bullmq";
import type { WorkerContext } from "./context.ts";

/** A worker that starts once its database answers. */
export type QueueWorker = {
  /** Starts no further job, and waits for active jobs. */
  close(): Promise<void>;
};

/** Starts a queue's worker. A BullMQ worker that was built while its database was down stays dead, and is built again. */
export function startQueueWorker(
  { backend, log }: WorkerContext,
  queue: QueueName,
  createWorker: () => JobWorker,
): QueueWorker {
  const closing = new AbortController();
  let worker: JobWorker | undefined;
  const started = start().catch(() => undefined);

  async function start(): Promise<void> {
    for (;;) {
      try {
        await backend.reachable();
        // `close` came before the worker existed, so it would never close this one.
        if (closing.signal.aborted) return;
        worker = createWorker();
        worker.on("error", (error) => log.warn({ queue, err: error }, "Worker error"));
        await worker.waitUntilReady();
        return;
      } catch (error) {
        log.warn({ event: "queue_lost", queue, err: error }, "Queue not reached");
        worker?.close(true).catch(() => undefined);
        worker = undefined;
        await sleep(1_000, undefined, { signal: closing.signal });
      }
    }
  }

  return {
    close: async () => {
      closing.abort();
      await worker?.close();
      await started;
    },
  };
}

/**
 * Delays a job without burning an attempt. Any worker may run it afterwards.
 *
 * @throws DelayedError, which BullMQ expects; or the error of the queue's database while it is away
 */
export async function snooze(job: QueuedJob, token: string | undefined, forMs: number): Promise<never> {
  await job.moveToDelayed(Date.now() + forMs, token);
  throw new DelayedError();
}

/** Short, because while workers are replaced a newer worker will soon run the job. */
const newerVersionWaitMs = 2_000;

/**
 * Runs a job, unless a newer version of Rollcall made it. Such a job is snoozed until a worker runs it that can read it.
 * If no such worker comes, the alert `queue_stalled` fires.
 */
export function snoozeNewerVersions(
  { log, tracing }: WorkerContext,
  queue: QueueName,
  findQueue: () => JobQueue | undefined,
  processJob: JobProcessor,
): JobProcessor {
  const process = traceJobs(tracing, queue, findQueue, processJob);
  let isLogged = false;
  return async (job, token, signal) => {
    if (!isOfNewerVersion(job.data)) return process(job, token, signal);
    if (!isLogged) log.warn({ queue, jobId: job.id }, "Jobs of a newer version wait for a newer worker");
    isLogged = true;
    return snooze(job, token, newerVersionWaitMs);
  };
}
