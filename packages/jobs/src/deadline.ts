import { AppError } from "@rollcall/contracts";

/**
 * Gives up waiting for `work` after `deadlineMs`. The work goes on behind our back and may still succeed:
 * whatever is put under a deadline must be harmless when it happens twice.
 *
 * @throws AppError `queue.unavailable` when the time is up or the work fails
 */
export async function underDeadline<T>(work: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError("queue.unavailable", `${what} took longer than ${deadlineMs} ms`)),
      deadlineMs,
    );
  });
  try {
    return await Promise.race([work, timeUp]);
  } catch (error) {
    throw error instanceof AppError
      ? error
      : new AppError("queue.unavailable", `${what} failed`, { cause: error });
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
