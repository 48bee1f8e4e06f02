/** Nobody waits longer than this for the next attempt, whatever the api asks for. */
const longestDelayMs = 10_000;

/** Up to this share is added, so that those who failed together do not come back together. */
const jitter = 0.25;

/** A wait that is up to a quarter longer. */
export function addJitter(ms: number, random = Math.random()): number {
  return ms * (1 + jitter * random);
}

/** How long to wait before the next attempt: at least as long as planned and as the api asked for. */
export function decideDelayMs(plannedMs: number, retryAfterMs = 0, random?: number): number {
  return Math.min(longestDelayMs, addJitter(Math.max(plannedMs, retryAfterMs), random));
}

/** Reads `Retry-After`, seconds or a date, as milliseconds from now; undefined when it says neither. */
export function readRetryAfterMs(header: string | null, nowMs = Date.now()): number | undefined {
  if (!header) return undefined;
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
