import { confirmationJobName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { snoozeNewerVersions } from "./newer-version.ts";
import { processConfirmation } from "./process-confirmation-job.ts";
import { processReconcile } from "./process-reconcile-job.ts";
import { type QueueWorker, startQueueWorker } from "./queue-worker.ts";
import { startReconcileMaintenance } from "./reconcile-maintenance.ts";

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

/** Carries out reconcile runs. Closed, it stops them behind their present pages, and the next worker goes on with them. */
export function startReconcile(context: WorkerContext): QueueWorker {
  const closing = new AbortController();
  const stopMaintenance = startReconcileMaintenance(context);
  const worker = startQueueWorker(context, "reconcile", () =>
    context.backend.createWorker(
      "reconcile",
      snoozeNewerVersions(context, "reconcile", (job, token) => {
        const run = job.name === confirmationJobName ? processConfirmation : processReconcile;
        return run(context, job, { token, signal: closing.signal });
      }),
      settings,
    ),
  );
  return {
    close: async () => {
      stopMaintenance();
      closing.abort();
      await worker.close();
    },
  };
}
