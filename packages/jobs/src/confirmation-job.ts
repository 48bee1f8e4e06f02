import type { JobsOptions } from "bullmq";
import { z } from "zod";
import type { Producer } from "./producer.ts";

/** The name of the job that carries out a held run's deletions. */
export const confirmationJobName = "confirm-deletions";

/** "Carry out what this run holds": who confirmed it stands in the run's row. The whole payload of a job. */
const confirmationJob = z.object({ v: z.literal(1), runId: z.number().int().positive() });

/** The run's id; undefined for a payload that this build does not know. */
export function readConfirmationJob(payload: unknown): number | undefined {
  return confirmationJob.safeParse(payload).data?.runId;
}

/** Tried for some minutes: a run that just ended, or a worker that died, may still have the lease. */
const options = {
  attempts: 30,
  backoff: { type: "fixed", delay: 5_000 },
  removeOnComplete: { age: 86_400, count: 200 },
  removeOnFail: { age: 86_400, count: 200 },
} as const satisfies JobsOptions;

/** Makes a job of a confirmation; one that waits already is not added again. @throws AppError `queue.unavailable` */
export function addConfirmation(producer: Producer, runId: number, deadlineMs: number): Promise<void> {
  const deduplication = { id: `${confirmationJobName}.${runId}`, keepLastIfActive: true };
  return producer.add(
    { name: confirmationJobName, payload: { v: 1, runId }, options: { ...options, deduplication } },
    deadlineMs,
  );
}
