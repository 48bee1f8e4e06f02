import {
  createPostgresQueueBackend,
  createRedisBackend,
  openProducer,
  type Producer,
  type QueueBackend,
  type QueueName,
} from "@rollcall/jobs";

/** A queue as its producers see it. */
export type OpenQueue = { producer: Producer; deadlineMs: number };

export type OpenQueues = {
  backend: QueueBackend;
  /** Connected when it resolves. */
  open(name: QueueName): Promise<OpenQueue>;
  close(): Promise<void>;
};

const deadlineMs = 10_000;

/** The queues of one of the two backends, as api and worker open them. */
export function openQueues(
  place: { kind: "redis"; redisUrl: string } | { kind: "postgres"; databaseUrl: string },
): OpenQueues {
  const ignore = () => undefined;
  const backend =
    place.kind === "redis"
      ? createRedisBackend([place.redisUrl], ignore)
      : createPostgresQueueBackend(place.databaseUrl, ignore);
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
