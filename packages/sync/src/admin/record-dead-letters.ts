import { type Pool, recordDeadLetters } from "@rollcall/db";
import { organizationJob, readSubject, type StoredDeadLetter, syncJob } from "@rollcall/jobs";

/**
 * Records in the timelines of users and organizations that jobs failed for good. A letter that names none has no timeline. It may be called
 * again with the same letters.
 *
 * @throws AppError `postgres.unavailable`
 */
export function recordNewDeadLetters(pool: Pool, letters: readonly StoredDeadLetter[]): Promise<void> {
  const events = letters.flatMap((letter) => {
    const { clerkId, details } = readSubject(letter);
    if (clerkId === null) return [];
    const { id: deadLetterId, code, queue, name: job, attempts, refusal } = letter;
    const work = syncJob.safeParse(letter.payload).data ?? organizationJob.safeParse(letter.payload).data;
    return {
      clerkId,
      // The other job is a notification, which no event outside of Rollcall causes.
      cause: work?.cause ?? "process",
      ref: work?.delivery ?? null,
      details: { deadLetterId, code, queue, job, attempts, ...details, ...refusal },
    };
  });
  return recordDeadLetters(pool, events);
}
