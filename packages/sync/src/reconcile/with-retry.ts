import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type ErrorCode, readErrorCode } from "@rollcall/contracts";
import type { ReconcileContext } from "./context.ts";

/** Failures that pass by themselves. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "clerk.unavailable",
  "clerk.rate_limited",
  "queue.unavailable",
]);
/** Failures that might be a glitch, and are none when they come three times. */
const doubtful: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["clerk.unreadable", "clerk.unauthorized"]);
const triesWhenDoubtful = 3;

const defaultRetryForMs = 10 * 60_000;
const firstWaitMs = 250;
const longestWaitMs = 5_000;

/**
 * Tries again while a dependency is away: an outage must not burn a run. `Retry-After` is honoured.
 *
 * @throws AppError when it lasts longer than the patience, or does not look like passing; RunStop when aborted
 */
export async function withRetry<T>(
  { log, retryForMs = defaultRetryForMs }: ReconcileContext,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  let failsSinceMs: number | undefined;
  let doubts = 0;
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      return await unlessAborted(attempt(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isDoubtful(error)) doubts++;
      if (!isPassing(error) && (!isDoubtful(error) || doubts === triesWhenDoubtful)) throw error;
      failsSinceMs ??= Date.now();
      const waitMs = Math.max(
        error.retryAfterMs ?? 0,
        Math.min(firstWaitMs * 2 ** (tries - 1), longestWaitMs),
      );
      if (Date.now() + waitMs - failsSinceMs > retryForMs) throw giveUp(error, failsSinceMs);
      log.warn({ event: "reconcile_waits", code: error.code, waitMs }, "A run waits for a dependency");
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function isPassing(error: unknown): error is AppError {
  return passing.has(readErrorCode(error));
}

function isDoubtful(error: unknown): error is AppError {
  return doubtful.has(readErrorCode(error));
}

function giveUp(error: AppError, sinceMs: number): AppError {
  const minutes = Math.floor((Date.now() - sinceMs) / 60_000);
  if (minutes < 1) return error;
  return new AppError(error.code, `${error.message}, and for ${minutes} minutes nothing better`, {
    cause: error,
  });
}

/** Stops waiting when aborted. The work goes on behind our back: only for reads and for what may happen twice. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { signal: ended.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    ended.abort();
    work.catch(() => undefined);
  }
}
