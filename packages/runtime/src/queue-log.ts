import type { ProducerListener } from "@rollcall/jobs";
import type { Logger } from "@rollcall/observability";

/** Tells the log which queues are reached, and why one is not. */
export function createQueueLog(log: Logger): ProducerListener {
  return {
    onConnected: (queue) => log.info({ event: "queue_connected", queue }, "Queue connected"),
    onError: (queue, error) => log.warn({ event: "queue_lost", queue, err: error }, "Queue not reached"),
  };
}
