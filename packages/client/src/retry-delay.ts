/** The longest wait before an attempt, also when the api asks for more. */
const longestDelayMs = 10_000;

/** Up to this share is added, so that calls that failed together are not repeated together. */
const jitter = 0.25;

/** Lengthens a wait by up to a quarter. */
export function addJitter(ms: number, random = Math.random()): number {
  return ms * (1 + jitter * random);
}

/** The wait before the next attempt: at least the planned wait and at least `Retry-After`, up to 10 s. */
export function decideDelayMs(plannedMs: number, retryAfterMs = 0, random?: number): number {
  return Math.min(longestDelayMs, addJitter(Math.max(plannedMs, retryAfterMs), random));
}

/** Reads `Retry-After`, seconds or a date, as milliseconds from now; undefined for any other value. */
export function readRetryAfterMs(header: string | null, nowMs = Date.now()): number | undefined {
  if (!header) return undefined;
  const waitMs = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
