import { addJitter } from "../retry-delay.ts";
import type { RollcallError } from "../rollcall-error.ts";

export type Pause = { over: Promise<void>; end(): void };

/** So much longer than the first pause the longest one is. */
const mostGrowth = 6;

/** Longer than this the api cannot make anybody wait; one that limits the rate asks for up to a minute. */
const longestAskedMs = 60_000;

/**
 * The pause after a failed call. It ends when somebody says so; and by itself, if the error may pass by
 * itself: after a while that doubles with each failure, when the network is back, or when the page is looked at again.
 *
 * @param failures how many calls failed before this one
 * @param firstMs how long the first pause is
 */
export function pauseAfter(error: RollcallError, failures: number, firstMs: number): Pause {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  if (!error.retryable) return { over, end };

  const plannedMs = firstMs * Math.min(mostGrowth, 2 ** failures);
  const askedMs = Math.min(longestAskedMs, error.retryAfterMs ?? 0);
  const timer = setTimeout(end, addJitter(Math.max(plannedMs, askedMs)));
  const endWhenSeen = () => document.visibilityState === "visible" && end();
  // React Native has neither.
  globalThis.window?.addEventListener?.("online", end);
  globalThis.document?.addEventListener("visibilitychange", endWhenSeen);
  const cleared = over.then(() => {
    clearTimeout(timer);
    globalThis.window?.removeEventListener?.("online", end);
    globalThis.document?.removeEventListener("visibilitychange", endWhenSeen);
  });
  return { over: cleared, end };
}
