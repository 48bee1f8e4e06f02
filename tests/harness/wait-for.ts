import { setTimeout as sleep } from "node:timers/promises";

/** Soon after what takes a moment; seldom while something takes a minute, since each question costs all others CPU. */
const firstPauseMs = 20;
const longestPauseMs = 250;

/**
 * Asks again until the answer is not undefined. A deadline here is slack for a busy machine, not a verdict
 * about speed.
 */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  let pauseMs = firstPauseMs;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      lastError = error;
    }
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 1.2, longestPauseMs);
  }
  throw new Error(`Waited ${timeoutMs} ms for ${what}`, { cause: lastError });
}
