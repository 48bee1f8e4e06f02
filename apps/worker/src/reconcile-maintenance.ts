import { addReconcile, hasSchedules, isFullSyncOverdue, scheduleReconcile } from "@rollcall/jobs";
import { claimIdleRuns, requestRun } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { startTask } from "./task.ts";

const everyMs = 5_000;
const enqueueDeadlineMs = 2_000;

/**
 * Keeps the schedules as they are configured, also in a queue that was emptied, and makes jobs of runs that nobody
 * works on. Several workers at once do no harm: a run has one job, and a mode one runner.
 *
 * @returns stops it
 */
export function startReconcileMaintenance(context: WorkerContext): () => void {
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
    const queue = await producers.reconcile.connected(enqueueDeadlineMs);
    if (!isConfigured || !(await hasSchedules(queue))) {
      // Its hour passed while no worker was there, and comes once a day.
      if (await isFullSyncOverdue(queue))
        await requestRun(context, { mode: "full", dryRun: false }, { program: "schedule" });
      await scheduleReconcile(queue, schedules);
    }
    isConfigured = true;
  }

  // At once, and not after the first beat: after a boot somebody may wait for it. Twice at once does no harm.
  turn().catch(() => undefined);
  return startTask(context, "reconcile maintenance", everyMs, turn);
}
