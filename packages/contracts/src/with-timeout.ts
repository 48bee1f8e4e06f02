import { AppError } from "./app-error.ts";
import type { ErrorCode } from "./errors.ts";

/**
 * Waits for `work` no longer than `limitMs`. The work itself goes on, and a failure after the limit is ignored. Use this
 * only for work that does no harm when it finishes later, or when it is done twice.
 *
 * @param code of the error when the time is over
 * @param what names the work in that error, as in "Adding to queue sync"
 * @throws AppError when the time is over; otherwise whatever `work` throws
 */
export async function withTimeout<T>(
  work: Promise<T>,
  limitMs: number,
  code: ErrorCode = "internal",
  what = "The answer",
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeIsOver = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AppError(code, `${what} took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, timeIsOver]);
  } finally {
    clearTimeout(timer);
  }
}
