import { openProducer, type Producer, type QueueBackend, type QueueName } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";

/** A queue, from its producer's side. */
export type OpenQueue = { producer: Producer; deadlineMs: number };

export type OpenQueues = {
  backend: QueueBackend;
  /** Resolves when the queue is connected. */
  open(name: QueueName): Promise<OpenQueue>;
  close(): Promise<void>;
};

const deadlineMs = 10_000;

/** Opens the queues of one backend as api and worker do. */
export function openQueues(
  service: { kind: "redis"; redisUrl: string } | { kind: "postgres"; databaseUrl: string },
): OpenQueues {
  const backend = openQueueBackend({
    redisNodes: service.kind === "redis" ? [service.redisUrl] : undefined,
    databaseUrl: service.kind === "redis" ? "" : service.databaseUrl,
    onError: () => undefined,
  });
  const producers: Producer[] = [];
  return {
    backend,
    open: async (name) => {
      const producer = openProducer(backend, name);
      producers.push(producer);
      await producer.connected(deadlineMs);
      return { producer, deadlineMs };
    },
    close: async () => {
      for (const producer of producers) await producer.close();
      await backend.close();
    },
  };
}

const atOnce = 250;

/** Calls `add` for `count` numbers from `first` on, 250 at a time. */
export async function addMany(
  first: number,
  count: number,
  add: (number: number) => Promise<unknown>,
): Promise<void> {
  for (let from = first; from < first + count; from += atOnce) {
    const numbers = Array.from(
      { length: Math.min(atOnce, first + count - from) },
      (_, index) => from + index,
    );
    await Promise.all(numbers.map(add));
  }
}
