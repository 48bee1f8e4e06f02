import { z } from "zod";
import type { Producer } from "./producer.ts";
import { confirmationRetryOptions } from "./retry.ts";

/** The name of the job that carries out a held run's deletions. */
export const confirmationJobName = "confirm-deletions";

/** The whole payload. The run's row holds the operator that confirmed the deletions. */
const confirmationJob = z.object({ v: z.literal(1), runId: z.number().int().positive() });

/** Adds the job of a confirmation. One that waits already is not added again. @throws AppError `queue.unavailable` */
export function addConfirmation(producer: Producer, runId: number, deadlineMs: number): Promise<void> {
  const deduplication = { id: `${confirmationJobName}.${runId}`, keepLastIfActive: true };
  const options = { ...confirmationRetryOptions, deduplication };
  return producer.add({ name: confirmationJobName, payload: { v: 1, runId }, options }, deadlineMs);
}

/** The run's id; undefined for a payload that this version cannot read. */
export function readConfirmationJob(payload: unknown): number | undefined {
  return confirmationJob.safeParse(payload).data?.runId;
}
