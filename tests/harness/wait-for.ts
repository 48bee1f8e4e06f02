import { setTimeout as sleep } from "node:timers/promises";

/** The pause is short at first, for fast steps. It grows, because each check takes CPU from all other tests. */
const firstPauseMs = 20;
const longestPauseMs = 250;

/**
 * Calls `ask` until its answer is not undefined. The deadline is slack for a busy machine and says nothing about
 * speed.
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
