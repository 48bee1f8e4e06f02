import { z } from "zod";

export const rateLimitSchema = z.object({
  requests: z.number().int().positive(),
  windowMs: z.number().int().positive(),
});
export type RateLimit = z.infer<typeof rateLimitSchema>;

/** One window of the limit, with the numbers of allowed and refused requests. */
export type RateWindow = { startedAtMs: number; allowed: number; limited: number };

export type RateLimiter = {
  /** Counts a request. Returns the seconds to wait when the request is over the limit, else null. */
  admit(): number | null;
  set(limit: RateLimit | null): void;
  /** The latest windows, oldest first. While the limit is off, a window takes 10 s. */
  windows(): RateWindow[];
};

const keptWindows = 1000;

/** Clerk's limit for a secret key: 1000 requests in 10 s in production, 100 in development. */
export function defaultRateLimit(secretKey: string): RateLimit {
  return { requests: secretKey.startsWith("sk_live_") ? 1000 : 100, windowMs: 10_000 };
}

/** A limit per fixed window. A window opens with the first request after the last window. */
export function createRateLimiter(initial: RateLimit | null, now: () => number): RateLimiter {
  const windows: RateWindow[] = [];
  let limit = initial;

  function currentWindow(windowMs: number): RateWindow {
    const last = windows.at(-1);
    if (last !== undefined && now() < last.startedAtMs + windowMs) return last;
    const window = { startedAtMs: now(), allowed: 0, limited: 0 };
    windows.push(window);
    if (windows.length > keptWindows) windows.shift();
    return window;
  }

  function admit(): number | null {
    const windowMs = limit?.windowMs ?? 10_000;
    const window = currentWindow(windowMs);
    if (limit === null || window.allowed < limit.requests) {
      window.allowed++;
      return null;
    }
    window.limited++;
    return Math.max(1, Math.ceil((window.startedAtMs + windowMs - now()) / 1000));
  }

  return {
    admit,
    set: (next) => {
      limit = next;
    },
    windows: () => windows.map((window) => ({ ...window })),
  };
}
