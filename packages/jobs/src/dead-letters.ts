import {
  AppError,
  clerkOrganizationId,
  clerkUserId,
  type DeadLetterView,
  type ErrorCode,
  errorTable,
  type Person,
  type RowRefusal,
  rowRefusal,
} from "@rollcall/contracts";
import type { Job } from "bullmq";
import { z } from "zod";
import type { JobQueue } from "./backend.ts";
import { addNotificationJob, notificationJobName, readNotificationJob } from "./notification-job.ts";
import { addOrganizationJob, isOrganizationJobName, organizationJob } from "./organization-job.ts";
import type { Producer, UserProducer } from "./producer.ts";
import type { SyncQueueName } from "./queue-names.ts";
import { deadLetterOptions } from "./retry.ts";
import type { Shard } from "./shards.ts";
import { addSyncJob, syncJob } from "./sync-job.ts";

/** A job that failed for good, kept until an operator replays or discards it. */
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
  /** Absent if Postgres refused no row, and in letters of older versions. */
  refusal: rowRefusal.optional().catch(undefined),
});

export type DeadLetter = z.infer<typeof deadLetter>;

/** A dead letter with its id in the queue. */
export type StoredDeadLetter = DeadLetter & { id: string };

/** A signed delivery whose user cannot be read. Its body stays out, because it may hold personal data. */
const quarantinedDelivery = z.object({
  svixId: z.string(),
  type: z.string().nullable(),
  sizeBytes: z.number().int(),
  sha256: z.string(),
});

export type QuarantinedDelivery = z.infer<typeof quarantinedDelivery>;

/** Keeps a delivery as a dead letter. @throws AppError `queue.unavailable` */
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
  // The id comes from the content, so that redeliveries of one body are one dead letter.
  await addDeadLetter(producer, letter, `webhook.${delivery.sha256.slice(0, 32)}`, deadlineMs);
}

/**
 * The error that a processor throws for a failed job. BullMQ stores an error's message and stack with the job. The message
 * is the code alone. The stack carries the refusal of Postgres to the dead letter, because a job has no other place for it.
 */
export class JobFailure extends Error {
  constructor(code: ErrorCode, refusal?: RowRefusal) {
    super(code);
    this.name = "JobFailure";
    if (refusal) this.stack = JSON.stringify(refusal);
  }
}

function readStoredRefusal(job: Job): RowRefusal | undefined {
  try {
    return rowRefusal.safeParse(JSON.parse(job.stacktrace?.at(-1) ?? "")).data;
  } catch {
    return undefined;
  }
}

const batchSize = 100;

/**
 * Moves failed jobs to the dead-letter queue. It copies, records and then removes, and the copy's id is deterministic.
 * After a death in between, the next call finishes the move.
 *
 * @param record may be called again with the same letters
 * @param shard of the source
 * @returns what was moved
 * @throws AppError `queue.unavailable`, or an error of `record`: the copies are there then, and the jobs too
 */
export async function moveFailedJobs(
  source: JobQueue,
  target: Producer,
  record: (letters: readonly StoredDeadLetter[]) => Promise<void>,
  deadlineMs: number,
  shard: Shard = 0,
): Promise<DeadLetter[]> {
  // Each shard counts its jobs from 1.
  const place = shard === 0 ? source.name : `${source.name}-${shard}`;
  const jobs = (await source.getFailed(0, batchSize - 1)).filter(Boolean);
  const letters = jobs.map((job) => ({
    ...toDeadLetter(source.name, job),
    id: `${place}.${job.id}.${job.timestamp}`,
  }));
  for (const { id, ...letter } of letters) await addDeadLetter(target, letter, id, deadlineMs);
  if (letters.length > 0) await record(letters);
  for (const job of jobs) await job.remove();
  return letters;
}

function addDeadLetter(
  producer: Producer,
  letter: DeadLetter,
  jobId: string,
  deadlineMs: number,
): Promise<void> {
  const options = { ...deadLetterOptions, jobId };
  return producer.add({ name: letter.code, payload: letter, options }, deadlineMs);
}

function toDeadLetter(queue: string, job: Job): DeadLetter {
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
    refusal: readStoredRefusal(job),
  };
}

function readFailureCode(reason: string | undefined): ErrorCode {
  return reason !== undefined && isErrorCode(reason) ? reason : "internal";
}

function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorTable, value);
}

/**
 * Adds a dead letter's work as a new job to its queue. Replaying twice does no harm: a sync job reads the present state
 * at Clerk, and a notification has one id.
 *
 * @throws AppError `dead_letter.not_replayable` or `queue.unavailable`
 */
export function replayDeadLetter(
  producers: Readonly<Record<SyncQueueName, UserProducer>>,
  letter: StoredDeadLetter,
  deadlineMs: number,
): Promise<void> {
  const producer = letter.queue === "ensure" ? producers.ensure : producers.sync;
  const work = letter.replayable ? readWork(letter) : undefined;
  if (work?.kind === "notification") return addNotificationJob(producer, work.job, deadlineMs);
  if (work?.kind === "organization") return addOrganizationJob(producer, work.job, deadlineMs);
  if (work?.kind === "sync") return addSyncJob(producer, work.job, deadlineMs);
  throw new AppError("dead_letter.not_replayable", "The dead letter's payload names no work");
}

/** Whether this version can do the work of a dead letter's payload. */
export function canReplay(letter: DeadLetter): boolean {
  return letter.replayable && readWork(letter) !== undefined;
}

function readWork({ name, payload }: DeadLetter) {
  if (name === notificationJobName) {
    const job = readNotificationJob(payload);
    return job && { kind: "notification" as const, job };
  }
  // The replay has its own cause and time: the delivery behind the first job may be days old.
  if (isOrganizationJobName(name)) {
    const of = organizationJob.safeParse(payload).data;
    if (!of) return undefined;
    const { delivery: _, ...named } = of;
    return {
      kind: "organization" as const,
      job: { ...named, cause: "replay" as const, eventAtMs: Date.now() },
    };
  }
  const read = syncJob.safeParse(payload).data;
  if (!read) return undefined;
  const { v, kind, clerkId } = read;
  return {
    kind: "sync" as const,
    job: { v, kind, clerkId, cause: "replay" as const, eventAtMs: Date.now() },
  };
}

const aboutUser = z.object({ clerkId: clerkUserId });

/** The user that a dead letter is about; null when it names none. */
export function readClerkId({ payload }: DeadLetter): string | null {
  return aboutUser.safeParse(payload).data?.clerkId ?? null;
}

const aboutOrganization = z.object({ clerkOrgId: clerkOrganizationId });

/** The organization that a dead letter is about, alone or as a part of a pair; null when it names none. */
export function readClerkOrgId({ payload }: DeadLetter): string | null {
  return aboutOrganization.safeParse(payload).data?.clerkOrgId ?? null;
}

/**
 * Whose timeline has the events of a dead letter: the user's or, without a user, the organization's. The details of a pair
 * name its organization, whose timeline has them too.
 */
export function readSubject(letter: DeadLetter): {
  clerkId: string | null;
  details: { clerkOrgId?: string };
} {
  const clerkId = readClerkId(letter);
  const clerkOrgId = readClerkOrgId(letter);
  if (clerkId === null) return { clerkId: clerkOrgId, details: {} };
  return { clerkId, details: clerkOrgId === null ? {} : { clerkOrgId } };
}

/**
 * A dead letter as operators see it. Of its payload it shows only the parts that are known to be ids.
 *
 * @param people by their Clerk ids, as far as they are known
 */
export function viewDeadLetter(
  letter: StoredDeadLetter,
  people: ReadonlyMap<string, Person> = new Map(),
): DeadLetterView {
  const { id, code, queue, name: kind, attempts, replayable } = letter;
  const clerkId = readClerkId(letter);
  return {
    id,
    code,
    queue,
    kind,
    clerkId,
    clerkOrgId: readClerkOrgId(letter),
    person: (clerkId !== null && people.get(clerkId)) || null,
    attempts,
    firstAt: new Date(letter.firstAtMs).toISOString(),
    failedAt: new Date(letter.failedAtMs).toISOString(),
    replayable,
    refusal: letter.refusal ?? null,
    delivery: quarantinedDelivery.safeParse(letter.payload).data ?? null,
  };
}
