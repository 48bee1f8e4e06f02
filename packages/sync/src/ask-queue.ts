import { withTimeout } from "@rollcall/contracts";
import type { JobQueue, Producer } from "@rollcall/jobs";

/** What a queue answers, connecting included; undefined when it is away, or frozen for `limitMs`. */
export function askQueue<T>(
  producer: Producer,
  limitMs: number,
  ask: (queue: JobQueue) => Promise<T>,
): Promise<T | undefined> {
  return withTimeout(producer.connected(limitMs).then(ask), limitMs).catch(() => undefined);
}

/** Whether a queue answers within `limitMs`. A connection alone proves nothing: its server may be frozen. */
export async function isQueueUp(producer: Producer, limitMs: number): Promise<boolean> {
  return (await askQueue(producer, limitMs, (queue) => queue.getWaitingCount())) !== undefined;
}
