import { runMode } from "@rollcall/contracts";
import { z } from "zod";
import type { JobQueue } from "./backend.ts";
import type { Producer } from "./producer.ts";
import { reconcileRetryOptions } from "./retry.ts";

/** The whole payload: "carry out this run"; without an id, the scheduled run of the mode. */
const reconcileJob = z.object({
  v: z.literal(1),
  mode: runMode,
  runId: z.number().int().positive().optional(),
});

export type ReconcileJob = z.infer<typeof reconcileJob>;

/** Adds the job of a run. One that waits or runs already is not added again. @throws AppError `queue.unavailable` */
export function addReconcile(
  producer: Producer,
  job: Required<ReconcileJob>,
  deadlineMs: number,
): Promise<void> {
  // Without `keepLastIfActive` a fault may leave a deduplication key behind, which blocks the run for good.
  const deduplication = { id: `run.${job.runId}`, keepLastIfActive: true };
  const options = { ...reconcileRetryOptions, deduplication };
  return producer.add({ name: job.mode, payload: job, options }, deadlineMs);
}

/** Undefined for a payload that this version cannot read. */
export function readReconcileJob(payload: unknown): ReconcileJob | undefined {
  return reconcileJob.safeParse(payload).data;
}

export type ReconcileSchedules = {
  /** Five fields, in UTC. */
  fullCron: string;
  catchUpEveryMs: number;
};

/**
 * Makes the queue's schedules equal to the configuration. Several processes may do so at once. On Postgres queues some of
 * them may then get an error although the schedules are right. So an error counts only when a schedule is wrong.
 *
 * @throws BullMQ's error when a schedule is missing or differs afterwards
 */
export async function scheduleReconcile(
  queue: JobQueue,
  { fullCron, catchUpEveryMs }: ReconcileSchedules,
): Promise<void> {
  await schedule(queue, "full", { pattern: fullCron, tz: "UTC" });
  await schedule(queue, "catch-up", { every: catchUpEveryMs });
}

type Repeat = { pattern: string; tz: string } | { every: number };

async function schedule(queue: JobQueue, mode: ReconcileJob["mode"], repeat: Repeat): Promise<void> {
  const data = { v: 1, mode } satisfies ReconcileJob;
  try {
    await queue.upsertJobScheduler(mode, repeat, { name: mode, data, opts: reconcileRetryOptions });
  } catch (error) {
    if (!(await isScheduled(queue, mode, repeat))) throw error;
  }
}

async function isScheduled(queue: JobQueue, mode: string, repeat: Repeat): Promise<boolean> {
  const found = await queue.getJobScheduler(mode);
  if (!found) return false;
  return "every" in repeat ? Number(found.every) === repeat.every : found.pattern === repeat.pattern;
}

export type ReconcileSchedule = {
  mode: ReconcileJob["mode"];
  pattern: string | null;
  everyMs: number | null;
  /** Milliseconds since the epoch. */
  nextAtMs: number | null;
};

/** The queue's schedules, one for each mode. A worker adds a missing one, whose values are null here, within seconds. */
export function readSchedules(queue: JobQueue): Promise<ReconcileSchedule[]> {
  return Promise.all(
    runMode.options.map(async (mode) => {
      const found = await queue.getJobScheduler(mode);
      return {
        mode,
        pattern: found?.pattern ?? null,
        everyMs: found?.every === undefined ? null : Number(found.every),
        nextAtMs: found?.next ?? null,
      };
    }),
  );
}

/** Long enough for a worker to start a job that is due. */
const overdueMs = 5 * 60_000;

/** Whether both modes have a schedule that goes on. */
export async function hasSchedules(queue: JobQueue): Promise<boolean> {
  const found = await Promise.all(runMode.options.map((mode) => queue.getJobScheduler(mode)));
  return found.every((scheduler) => (scheduler?.next ?? 0) > Date.now() - overdueMs);
}

/** Whether a mode has no schedule at all, as in a queue that is new, or that was emptied. */
export async function lacksSchedule(queue: JobQueue): Promise<boolean> {
  const found = await Promise.all(runMode.options.map((mode) => queue.getJobScheduler(mode)));
  return found.some((scheduler) => !scheduler);
}

/** Whether the job of the scheduled full sync is due and not started. Scheduling anew would remove that job. */
export async function isFullSyncOverdue(queue: JobQueue): Promise<boolean> {
  const scheduler = await queue.getJobScheduler("full" satisfies ReconcileJob["mode"]);
  return (scheduler?.next ?? Number.POSITIVE_INFINITY) <= Date.now();
}
