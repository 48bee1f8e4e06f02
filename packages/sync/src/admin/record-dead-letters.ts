import { type Pool, recordDeadLetters } from "@rollcall/db";
import { organizationJob, readClerkId, readClerkOrgId, type StoredDeadLetter, syncJob } from "@rollcall/jobs";

/**
 * Records in the timelines of users and organizations that jobs failed for good. A letter that names none has no timeline. It may be called
 * again with the same letters.
 *
 * @throws AppError `postgres.unavailable`
 */
export function recordNewDeadLetters(pool: Pool, letters: readonly StoredDeadLetter[]): Promise<void> {
  const events = letters.flatMap((letter) => {
    const clerkOrgId = readClerkOrgId(letter);
    // Of a pair, the user's. The organization finds it by the details.
    const clerkId = readClerkId(letter) ?? clerkOrgId;
    if (clerkId === null) return [];
    const { id: deadLetterId, code, queue, name: job, attempts, refusal } = letter;
    const work = syncJob.safeParse(letter.payload).data ?? organizationJob.safeParse(letter.payload).data;
    return {
      clerkId,
      // The other job is a notification, which no event outside of Rollcall causes.
      cause: work?.cause ?? "process",
      ref: work?.delivery ?? null,
      details: { deadLetterId, code, queue, job, attempts, ...(clerkOrgId && { clerkOrgId }), ...refusal },
    };
  });
  return recordDeadLetters(pool, events);
}
