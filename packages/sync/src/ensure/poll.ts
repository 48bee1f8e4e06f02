import { setTimeout as sleep } from "node:timers/promises";
import { withTimeout } from "@rollcall/contracts";

const firstPollMs = 25;
const longestPollMs = 200;
const pollGrowth = 1.5;
/** The least time for a read: a read that begins just before the deadline is not late yet. */
const minReadMs = 500;

/**
 * Reads again after growing waits, until a read has an answer.
 *
 * @param deadline milliseconds since the epoch, as in `beforeDeadline`
 * @returns undefined at the deadline
 */
export async function poll<Answer>(
  deadline: number,
  read: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  let pollMs = firstPollMs;
  while (Date.now() + pollMs < deadline) {
    await sleep(pollMs);
    const answer = await read();
    if (answer !== undefined) return answer;
    pollMs = Math.min(pollMs * pollGrowth, longestPollMs);
  }
  return undefined;
}

/** The pool limits the wait for a connection and for a statement. Their sum may be longer than the deadline. */
export function beforeDeadline<T>(read: Promise<T>, deadline: number): Promise<T> {
  return withTimeout(
    read,
    Math.max(minReadMs, deadline - Date.now()),
    "postgres.unavailable",
    "Reading rows",
  );
}
