import { AppError, clerkUserId, type DeadLetterView } from "@rollcall/contracts";
import { z } from "zod";
import { quarantinedDelivery, type StoredDeadLetter } from "./dead-letter.ts";
import { addNotificationJob, addSyncJob, type Producer } from "./producer.ts";
import type { SyncQueueName } from "./queue-names.ts";
import { notificationJob, notificationJobName, syncJob } from "./sync-job.ts";

/**
 * Does a dead letter's work again, as a new job on its queue. It is the same work however often it is asked for:
 * a sync job looks at what is true now, and a notification job is told under one id.
 *
 * @throws AppError `dead_letter.not_replayable` or `queue.unavailable`
 */
export function replayDeadLetter(
  producers: Readonly<Record<SyncQueueName, Producer>>,
  letter: StoredDeadLetter,
  deadlineMs: number,
): Promise<void> {
  const producer = letter.queue === "ensure" ? producers.ensure : producers.sync;
  const wanted = letter.replayable ? readWork(letter) : undefined;
  if (wanted?.kind === "notification")
    return addNotificationJob(producer, wanted.notificationJob, deadlineMs);
  if (wanted?.kind === "sync-job") return addSyncJob(producer, wanted.syncJob, deadlineMs);
  throw new AppError("dead_letter.not_replayable", "The dead letter's payload is no work that can be done");
}

/** The work that a dead letter asks for; undefined when this build cannot read it. */
export function readWork({ name, payload }: StoredDeadLetter) {
  if (name === notificationJobName) {
    const read = notificationJob.safeParse(payload).data;
    return read && { kind: "notification" as const, notificationJob: read };
  }
  const read = syncJob.safeParse(payload).data;
  // Asked for now, and by somebody else than then: the delivery behind it is days old, and so is its time.
  return read && { kind: "sync-job" as const, syncJob: { ...withoutDelivery(read), eventAtMs: Date.now() } };
}

function withoutDelivery({ v, kind, clerkId }: z.infer<typeof syncJob>) {
  return { v, kind, clerkId, cause: "replay" as const };
}

const aboutUser = z.object({ clerkId: clerkUserId });

/** The user whom a dead letter is about; null when it names nobody. */
export function readClerkId({ payload }: StoredDeadLetter): string | null {
  return aboutUser.safeParse(payload).data?.clerkId ?? null;
}

/** What may be shown of a dead letter: of its payload only what we know to be ids. */
export function viewDeadLetter(letter: StoredDeadLetter): DeadLetterView {
  const { id, code, queue, name: kind, attempts, replayable } = letter;
  return {
    id,
    code,
    queue,
    kind,
    clerkId: readClerkId(letter),
    attempts,
    firstAt: new Date(letter.firstAtMs).toISOString(),
    failedAt: new Date(letter.failedAtMs).toISOString(),
    replayable,
    delivery: quarantinedDelivery.safeParse(letter.payload).data ?? null,
  };
}
