import { setTimeout as sleep } from "node:timers/promises";
import { decideRetryDelayMs, type JobWorker, type NudgeQueueName, welcomeJobName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { leaveNewerBuilds } from "./newer-build.ts";
import { processNudge } from "./process-nudge.ts";
import { processWelcome } from "./welcome.ts";

/** A worker that comes to life whenever its database does. */
export type NudgeWorker = { close(): Promise<void> };

/**
 * Nearly all of a job is waiting for a coalesced read and a coalesced write. On Postgres the jobs share a small
 * pool with their own locks: with 200 at once, finishing jobs starved the renewals, and locks were lost.
 */
const concurrency = { redis: 200, postgres: 32 } as const;

const settings = {
  // A killed worker's jobs run again within lock + stalled interval. Innocent jobs survive any number of deaths
  // that we have to expect; the default of 1 would fail them after the second.
  lockDuration: 15_000,
  stalledInterval: 5_000,
  maxStalledCount: 20,
  runRetryDelay: 1_000,
  drainDelay: 5,
  maximumRateLimitDelay: 5_000,
};

/** Starts working off a queue. Like a queue, a worker built while its database is down is built again. */
export function startNudgeWorker(context: WorkerContext, queue: NudgeQueueName): NudgeWorker {
  const closing = new AbortController();
  let worker: JobWorker | undefined;
  const started = start().catch(() => undefined);

  async function start(): Promise<void> {
    for (;;) {
      try {
        await context.backend.reachable();
        const candidate = createWorker(context, queue);
        worker = candidate;
        await candidate.waitUntilReady();
        return;
      } catch (error) {
        context.log.warn({ event: "queue_lost", queue, err: error }, "Queue not reached");
        worker?.close(true).catch(() => undefined);
        worker = undefined;
        await sleep(1_000, undefined, { signal: closing.signal });
      }
    }
  }

  return {
    // Takes nothing new and waits for what is active.
    close: async () => {
      closing.abort();
      await worker?.close();
      await started;
    },
  };
}

function createWorker(context: WorkerContext, queue: NudgeQueueName): JobWorker {
  const worker = context.backend.createWorker(
    queue,
    leaveNewerBuilds(context, queue, (job) => {
      const run = job.name === welcomeJobName ? processWelcome : processNudge;
      return run(context, queue, job, (ms) => worker.rateLimit(ms));
    }),
    {
      ...settings,
      concurrency: concurrency[context.backend.kind],
      settings: { backoffStrategy: (attemptsMade) => decideRetryDelayMs(queue, attemptsMade) },
    },
  );
  worker.on("error", (error) => context.log.warn({ queue, err: error }, "Worker error"));
  return worker;
}
