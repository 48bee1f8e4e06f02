import { setTimeout as sleep } from "node:timers/promises";
import { confirmationJobName, type JobWorker } from "@rollcall/jobs";
import { processConfirmation } from "./confirmation-job.ts";
import type { WorkerContext } from "./context.ts";
import { leaveNewerBuilds } from "./newer-build.ts";
import { processReconcile } from "./reconcile-job.ts";
import { startReconcileUpkeep } from "./reconcile-upkeep.ts";

const settings = {
  // A job that finds its mode taken ends at once, so that there is always a place for the catch-up.
  concurrency: 4,
  // With the lease, which outlives its holder by 15 s, this bounds how long a killed worker's run stands still.
  lockDuration: 15_000,
  stalledInterval: 5_000,
  // A run that no worker survives is ended by its own count, and is never a dead letter.
  maxStalledCount: 1_000,
  runRetryDelay: 1_000,
  drainDelay: 5,
};

/**
 * Carries out reconcile runs. Like a queue, a worker built while its database is down is built again.
 *
 * @returns closes it: a run stops behind its present page, and the next worker goes on with it
 */
export function startReconcile(context: WorkerContext): { close(): Promise<void> } {
  const closing = new AbortController();
  const stopUpkeep = startReconcileUpkeep(context);
  let worker: JobWorker | undefined;
  const started = start().catch(() => undefined);

  async function start(): Promise<void> {
    for (;;) {
      try {
        await context.backend.reachable();
        const candidate = createWorker(context, closing.signal);
        worker = candidate;
        await candidate.waitUntilReady();
        return;
      } catch (error) {
        context.log.warn({ event: "queue_lost", queue: "reconcile", err: error }, "Queue not reached");
        worker?.close(true).catch(() => undefined);
        worker = undefined;
        await sleep(1_000, undefined, { signal: closing.signal });
      }
    }
  }

  return {
    close: async () => {
      stopUpkeep();
      closing.abort();
      await worker?.close();
      await started;
    },
  };
}

function createWorker(context: WorkerContext, closing: AbortSignal): JobWorker {
  const worker = context.backend.createWorker(
    "reconcile",
    leaveNewerBuilds(context, "reconcile", (job) =>
      (job.name === confirmationJobName ? processConfirmation : processReconcile)(context, job, closing),
    ),
    settings,
  );
  worker.on("error", (error) => context.log.warn({ queue: "reconcile", err: error }, "Worker error"));
  return worker;
}
