import { hasScheduledRun, inTransaction, requestWholeSync } from "@rollcall/db";
import {
  addReconcile,
  confirmationJobName,
  hasSchedules,
  isFullSyncOverdue,
  lacksSchedule,
  scheduleReconcile,
} from "@rollcall/jobs";
import { startPeriodicTask } from "@rollcall/runtime";
import { claimIdleRuns, requestRun } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { processConfirmation } from "./process-confirmation-job.ts";
import { processReconcile } from "./process-reconcile-job.ts";
import { type QueueWorker, snoozeNewerVersions, startQueueWorker } from "./queue-worker.ts";

const settings = {
  // A job whose mode is already running ends at once, so an incremental sync always finds a free slot.
  concurrency: 4,
  // Together with the lease, which outlives its holder by 15 s, this bounds how long a killed worker's run waits.
  lockDuration: 15_000,
  stalledInterval: 5_000,
  // A run has its own limit of interruptions, and never becomes a dead letter.
  maxStalledCount: 1_000,
  runRetryDelay: 1_000,
  drainDelay: 5,
};

/** Works on reconcile runs. When closed, it stops each run after its present page, and the next worker continues it. */
export function startReconcileWorker(context: WorkerContext): QueueWorker {
  const closing = new AbortController();
  const stopMaintenance = startMaintenance(context);
  const worker = startQueueWorker(context, "reconcile", () =>
    context.backend.createWorker(
      "reconcile",
      snoozeNewerVersions(context, "reconcile", context.producers.reconcile.current, (job, token) => {
        const run = job.name === confirmationJobName ? processConfirmation : processReconcile;
        return run(context, job, { token, signal: closing.signal });
      }),
      settings,
    ),
  );
  return {
    close: async () => {
      void stopMaintenance();
      closing.abort();
      await worker.close();
    },
  };
}

const maintenanceEveryMs = 5_000;
const enqueueDeadlineMs = 2_000;

/**
 * Keeps the schedules as configured, also in a queue that was emptied, and adds jobs for runs that no process works on.
 * Several workers may do so at once: a run has one job, and a mode has one runner.
 *
 * @returns stops it
 */
function startMaintenance(context: WorkerContext): () => Promise<void> {
  const { config, producers } = context;
  const schedules = {
    fullCron: config.RECONCILE_FULL_CRON,
    catchUpEveryMs: config.RECONCILE_CATCHUP_EVERY_MS,
  };
  let isConfigured = false;

  async function turn(): Promise<void> {
    for (const { id: runId, mode } of await claimIdleRuns(context)) {
      await addReconcile(producers.reconcile, { v: 1, mode, runId }, enqueueDeadlineMs);
    }
    // Asked first: another worker that makes the first schedules now must not look like one whose schedules were lost.
    const wasScheduled = isConfigured || (await hasScheduledRun(context.pool));
    const queue = await producers.reconcile.connected(enqueueDeadlineMs);
    if (!isConfigured || !(await hasSchedules(queue))) {
      if (wasScheduled && (await lacksSchedule(queue))) await recoverJobs(context);
      // The full sync came due while no worker ran. Scheduling anew would skip it until the next day.
      if (await isFullSyncOverdue(queue))
        await requestRun(context, { mode: "full", dryRun: false }, { program: "schedule" });
      await scheduleReconcile(queue, schedules);
    }
    isConfigured = true;
  }

  const task = { name: "reconcile maintenance", everyMs: maintenanceEveryMs, startsAtOnce: true };
  return startPeriodicTask(context, task, turn);
}

/**
 * Schedules are lost only with all other jobs. Sync jobs that were accepted may be among them, and an incremental sync sees
 * no deletion. So a full sync compares every user from now on, also if one is under way.
 */
async function recoverJobs({ pool, log }: WorkerContext): Promise<void> {
  log.warn(
    { event: "queue_emptied" },
    "The queues lost their jobs; a full sync repairs what the jobs would have done",
  );
  await inTransaction(pool, (client) => requestWholeSync(client, "emptied-queue"));
}
