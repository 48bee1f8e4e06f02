import type { QueueBackend } from "./backend.ts";
import { openProducer, type Producer, type ProducerListener } from "./producer.ts";
import type { QueueName } from "./queue-names.ts";

export type Producers = Record<QueueName, Producer>;

/** Opens every queue for adding, each as `openProducer` does. */
export function openProducers(backend: QueueBackend, listener?: ProducerListener): Producers {
  const open = (name: QueueName) => openProducer(backend, name, listener);
  return {
    ensure: open("ensure"),
    sync: open("sync"),
    reconcile: open("reconcile"),
    "dead-letter": open("dead-letter"),
  };
}

/** Closes all of them, those too that were never reached. */
export async function closeProducers(producers: Producers): Promise<void> {
  await Promise.allSettled(Object.values(producers).map((producer) => producer.close()));
}
