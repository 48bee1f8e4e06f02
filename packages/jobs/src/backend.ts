import type { Job, Processor, Queue, Worker, WorkerOptions } from "bullmq";
import type { QueueName } from "./queue-names.ts";
import type { NameCounts, QueueStats } from "./queue-stats.ts";

/** What a worker may choose; where its jobs live is the backend's business. */
export type WorkerSettings = Omit<WorkerOptions, "connection" | "prefix">;

/** A queue of either backend. */
export type JobQueue = Queue<unknown, void, string, unknown, void, string>;

/** A worker of either backend. */
export type JobWorker = Worker<unknown, void, string>;

export type JobProcessor = Processor<unknown, void>;
export type QueuedJob = Job<unknown, void>;

/** Where jobs live. The only seam between the two databases that BullMQ can use. */
export type QueueBackend = {
  readonly kind: "redis" | "postgres";
  /**
   * Resolves when the database answers, and rejects within 10 s when it does not. Await it before building a
   * queue or a worker: one built too early stays dead, and its listeners stay on the shared connection.
   */
  reachable(): Promise<void>;
  createQueue(name: QueueName): JobQueue;
  createWorker(name: QueueName, processor: JobProcessor, settings: WorkerSettings): JobWorker;
  /** Cheap however long the queue is. Rejects while the database is away. */
  readStats(name: QueueName): Promise<QueueStats>;
  /** How many of the `limit` newest waiting jobs have which name. Rejects while the database is away. */
  countNames(name: QueueName, limit: number): Promise<NameCounts>;
  /** The share of its memory limit that the database uses; undefined where there is no such limit. */
  readMemory(): Promise<number | undefined>;
  /** False while the database has too little memory left to accept more. Known without asking; about a second old. */
  hasRoom(): boolean;
  /** Closes the shared connections. Close queues and workers first. */
  close(): Promise<void>;
};
