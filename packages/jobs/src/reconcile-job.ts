import { runMode } from "@rollcall/contracts";
import type { JobsOptions } from "bullmq";
import { z } from "zod";
import type { JobQueue } from "./backend.ts";
import type { Producer } from "./producer.ts";

/** "Carry out this run"; without an id, the scheduled run of the mode. The whole payload of a job. */
const reconcileJob = z.object({
  v: z.literal(1),
  mode: runMode,
  runId: z.number().int().positive().optional(),
});

export type ReconcileJob = z.infer<typeof reconcileJob>;

/** Undefined for a payload that this build does not know. */
export function readReconcileJob(payload: unknown): ReconcileJob | undefined {
  return reconcileJob.safeParse(payload).data;
}

/** A run's row tells how it ended; a job is only somebody at work on it, so none is kept for long or tried again. */
const options = {
  attempts: 1,
  removeOnComplete: { age: 86_400, count: 200 },
  removeOnFail: { age: 86_400, count: 200 },
} as const satisfies JobsOptions;

/** Makes a job of a run; one that waits or runs already is not added again. @throws AppError `queue.unavailable` */
export function addReconcile(
  producer: Producer,
  job: Required<ReconcileJob>,
  deadlineMs: number,
): Promise<void> {
  // See the design's section 5: without `keepLastIfActive` a key may be left behind, and block the run for good.
  const deduplication = { id: `run.${job.runId}`, keepLastIfActive: true };
  return producer.add({ name: job.mode, payload: job, options: { ...options, deduplication } }, deadlineMs);
}

export type ReconcileSchedules = {
  /** Five fields, in UTC. */
  fullCron: string;
  catchUpEveryMs: number;
};

/**
 * Makes the queue's schedules what is wished for. Several processes may do so at once: with Postgres queues all but
 * one of them may then see an error, and the schedules are right all the same.
 *
 * @throws whatever BullMQ throws, when a schedule is not there even so
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
  const template = { name: mode, data: { v: 1, mode } satisfies ReconcileJob, opts: options };
  try {
    await queue.upsertJobScheduler(mode, repeat, template);
  } catch (error) {
    if (!(await isScheduled(queue, mode, repeat))) throw error;
  }
}

async function isScheduled(queue: JobQueue, mode: string, repeat: Repeat): Promise<boolean> {
  const found = await queue.getJobScheduler(mode);
  if (!found) return false;
  return "every" in repeat ? Number(found.every) === repeat.every : found.pattern === repeat.pattern;
}

/** Long enough for a worker to take a job that is due. */
const overdueMs = 5 * 60_000;

/** Whether a schedule of each mode is there and goes on: a queue that was emptied has lost them. */
export async function hasSchedules(queue: JobQueue): Promise<boolean> {
  const found = await Promise.all(runMode.options.map((mode) => queue.getJobScheduler(mode)));
  return found.every((scheduler) => (scheduler?.next ?? 0) > Date.now() - overdueMs);
}

/** Whether the full run's job is due and nobody took it: to make its schedule anew would take it away. */
export async function isFullSyncOverdue(queue: JobQueue): Promise<boolean> {
  const scheduler = await queue.getJobScheduler("full" satisfies ReconcileJob["mode"]);
  return (scheduler?.next ?? Number.POSITIVE_INFINITY) <= Date.now();
}
