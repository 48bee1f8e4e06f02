import { AppError, type ErrorCode, errorTable } from "@rollcall/contracts";
import type { Job } from "bullmq";
import { z } from "zod";
import type { JobQueue } from "./backend.ts";
import type { Producer } from "./producer.ts";

/** A job that cannot succeed, kept until a person replays or discards it. */
export const deadLetter = z.object({
  v: z.literal(1),
  queue: z.string(),
  name: z.string(),
  payload: z.unknown(),
  code: z.string(),
  attempts: z.number().int(),
  /** Milliseconds since the epoch. */
  firstAtMs: z.number().int(),
  failedAtMs: z.number().int(),
  replayable: z.boolean(),
});

export type DeadLetter = z.infer<typeof deadLetter>;

/** One as it lies in the queue. */
export type StoredDeadLetter = DeadLetter & { id: string };

/** A signed delivery that names no user. Its body stays out: it may hold a person's data. */
export const quarantinedDelivery = z.object({
  svixId: z.string(),
  type: z.string().nullable(),
  sizeBytes: z.number().int(),
  sha256: z.string(),
});

export type QuarantinedDelivery = z.infer<typeof quarantinedDelivery>;

/** Kept for ever: losing a dead letter would lose the only trace of a user who was not served. */
const keepOptions = { removeOnComplete: false, removeOnFail: false } as const;

/** @throws AppError `queue.unavailable` */
export async function quarantineDelivery(
  producer: Producer,
  delivery: QuarantinedDelivery,
  deadlineMs: number,
): Promise<void> {
  const now = Date.now();
  const letter: DeadLetter = {
    v: 1,
    queue: "webhook",
    name: delivery.type ?? "unknown",
    payload: delivery,
    code: "webhook.unreadable",
    attempts: 1,
    firstAtMs: now,
    failedAtMs: now,
    replayable: false,
  };
  // The hash names the content, so that Svix' redeliveries of one body make one dead letter.
  const jobId = `webhook.${delivery.sha256.slice(0, 32)}`;
  await producer.add({ name: letter.code, payload: letter, options: { ...keepOptions, jobId } }, deadlineMs);
}

const batchSize = 100;

/**
 * Moves failed jobs to the dead-letter queue: copy first, under an id that is the same however often this
 * runs, then remove; so a death in between leaves both, and the next run finishes the move.
 *
 * @returns what was moved
 */
export async function moveFailedJobs(
  source: JobQueue,
  target: Producer,
  deadlineMs: number,
): Promise<DeadLetter[]> {
  const moved: DeadLetter[] = [];
  for (const job of await source.getFailed(0, batchSize - 1)) {
    if (!job) continue;
    const letter = readDeadLetter(source.name, job);
    const jobId = `${source.name}.${job.id}.${job.timestamp}`;
    await target.add({ name: letter.code, payload: letter, options: { ...keepOptions, jobId } }, deadlineMs);
    await job.remove();
    moved.push(letter);
  }
  return moved;
}

function readDeadLetter(queue: string, job: Job): DeadLetter {
  return {
    v: 1,
    queue,
    name: job.name,
    payload: job.data,
    code: readFailureCode(job.failedReason),
    attempts: job.attemptsMade,
    firstAtMs: job.timestamp,
    failedAtMs: job.finishedOn ?? Date.now(),
    replayable: true,
  };
}

/**
 * The error that a processor may throw: BullMQ stores message and stack, and only the code travels in them.
 */
export class JobFailure extends Error {
  constructor(code: ErrorCode) {
    super(code);
    this.name = "JobFailure";
  }
}

function readFailureCode(reason: string | undefined): ErrorCode {
  return reason !== undefined && isErrorCode(reason) ? reason : "internal";
}

function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorTable, value);
}

/** The code under which an error is filed; `internal` for one that nobody named. */
export function readErrorCode(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : "internal";
}
