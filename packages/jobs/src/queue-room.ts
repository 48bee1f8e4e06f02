const askEveryMs = 500;

/**
 * From here on nothing is accepted any more. What is left of the memory is for the workers, who need room to
 * finish what was accepted: without any, BullMQ's scripts fail and workers spin.
 */
const fullShare = 0.7;

/** Knows whether a queue's database has room for more jobs. */
export type QueueRoom = {
  /** False within about a second after the memory in use passed the limit, and true again below it. */
  hasRoom(): boolean;
  close(): void;
};

/**
 * Asks in the background, so that adding a job waits for no further answer.
 *
 * @param readMemory the share of its memory limit that the database uses; undefined without a limit
 */
export function watchQueueRoom(readMemory: () => Promise<number | undefined>): QueueRoom {
  let isFull = false;
  let isAsking = false;
  const timer = setInterval(async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      isFull = ((await readMemory()) ?? 0) >= fullShare;
    } catch {
      // A database that is away refuses by itself; until it is back we know nothing newer.
    } finally {
      isAsking = false;
    }
  }, askEveryMs);
  timer.unref();
  return { hasRoom: () => !isFull, close: () => clearInterval(timer) };
}
