import { type DeadLetterCount, errorTable } from "@rollcall/contracts";
import { type QueueBackend, underDeadline } from "@rollcall/jobs";

/** So many are told apart by code; the older ones are only counted. */
const newest = 5_000;
const longestReadMs = 5_000;

/**
 * How many dead letters there are of each code, the most first; `other`, always there, for what is older or
 * unreadable.
 *
 * @throws AppError `queue.unavailable`
 */
export async function countDeadLetters(backend: QueueBackend): Promise<DeadLetterCount[]> {
  const counting = backend.countNames("dead-letter", newest);
  const { names, rest } = await underDeadline(counting, longestReadMs, "Counting the dead letters");
  const counts = new Map([["other", rest]]);
  for (const [name, count] of names) {
    // A job that somebody put there by hand may have any name, and this is a metric's label.
    const code = Object.hasOwn(errorTable, name) ? name : "other";
    counts.set(code, (counts.get(code) ?? 0) + count);
  }
  return [...counts].map(([code, count]) => ({ code, count })).sort((a, b) => b.count - a.count);
}
