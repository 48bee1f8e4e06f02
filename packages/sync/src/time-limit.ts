import { wrapPostgresError } from "@rollcall/db";
import type { JobQueue, Producer } from "@rollcall/jobs";

/**
 * Gives up waiting for `work` after `limitMs`. The work goes on behind our back: only for reads.
 *
 * @throws Error when the time is up, else whatever `work` throws
 */
export async function withinMs<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** What Postgres answers. @throws AppError: one of ours as it is, else `postgres.unavailable` or `user.rejected` */
export async function askPostgres<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw wrapPostgresError(error);
  }
}

/** What a queue answers, connecting included; undefined when it is away, or frozen for `limitMs`. */
export function askQueue<T>(
  producer: Producer,
  limitMs: number,
  ask: (queue: JobQueue) => Promise<T>,
): Promise<T | undefined> {
  return withinMs(limitMs, producer.connected(limitMs).then(ask)).catch(() => undefined);
}

/** Whether a queue answers within `limitMs`: a connection alone proves nothing, its server may be frozen. */
export async function isQueueUp(producer: Producer, limitMs: number): Promise<boolean> {
  return (await askQueue(producer, limitMs, (queue) => queue.getWaitingCount())) !== undefined;
}
