import { runMode, type ScheduleView } from "@rollcall/contracts";
import { listRuns, type Pool } from "@rollcall/db";
import { type Producers, type ReconcileSchedule, readSchedules } from "@rollcall/jobs";
import { askQueue } from "./status.ts";

const askTimeoutMs = 2_000;

/**
 * The schedule of each mode with its newest run that writes. While the queue is away, the times of the schedule are null.
 *
 * @throws AppError `postgres.unavailable`
 */
export async function listSchedules({
  pool,
  producers,
}: {
  pool: Pool;
  producers: Pick<Producers, "reconcile">;
}): Promise<ScheduleView[]> {
  const schedules = (await askQueue(producers.reconcile, askTimeoutMs, readSchedules)) ?? [];
  return Promise.all(
    runMode.options.map(async (mode) => {
      const schedule = schedules.find((one) => one.mode === mode);
      const [lastRun = null] = await listRuns(pool, { mode, dryRun: false, beforeId: undefined, limit: 1 });
      return { ...viewTimes(schedule), mode, lastRun };
    }),
  );
}

function viewTimes(schedule: ReconcileSchedule | undefined): Omit<ScheduleView, "mode" | "lastRun"> {
  const { pattern = null, everyMs = null, nextAtMs = null } = schedule ?? {};
  return { pattern, everyMs, nextAt: nextAtMs === null ? null : new Date(nextAtMs).toISOString() };
}
