import { setTimeout as sleep } from "node:timers/promises";

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
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      lastError = error;
    }
    await sleep(50);
  }
  throw new Error(`Waited ${timeoutMs} ms for ${what}`, { cause: lastError });
}
