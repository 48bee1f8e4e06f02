import type { Job, JobsOptions, Processor, Queue, Worker, WorkerOptions } from "bullmq";
import type { QueueName, SyncQueueName } from "./queue-names.ts";
import type { Shard, Shards } from "./shards.ts";

/** The settings that a worker may choose. Connection and key prefix belong to the backend. */
export type WorkerSettings = Omit<WorkerOptions, "connection" | "prefix">;

/** A queue of either backend. */
export type JobQueue = Queue<unknown, void, string, unknown, void, string>;

/** A worker of either backend. */
export type JobWorker = Worker<unknown, void, string>;

export type JobProcessor = Processor<unknown, void>;
export type QueuedJob = Job<unknown, void>;

export type JobToAdd = { name: string; payload: object; options: JobsOptions };

/** The id is that of the waiting or active job if the new one merged into it. */
export type AddedJob = { queue: JobQueue; id: string | undefined };

/** Counts of the jobs of all queues of a name. Reading them is cheap, however long the queue is. */
export type QueueStats = {
  jobs: Record<"waiting" | "active" | "delayed" | "failed" | "completed", number>;
  /** When the oldest unfinished job was added; milliseconds since the epoch. */
  oldestUnfinishedAtMs: number | undefined;
};

/** How many of a queue's newest waiting jobs have which name; `rest` counts the older ones. */
export type NameCounts = { names: ReadonlyMap<string, number>; rest: number };

/** So many active and delayed jobs are compared to find the oldest, which is nearly always among them. */
export const sampled = { active: 500, delayed: 100 } as const;

/** Where jobs are stored. This is the only seam between the two databases that BullMQ can use. */
export type QueueBackend = {
  readonly kind: "redis" | "postgres";
  /**
   * Resolves when the database answers, and rejects within 10 s when it does not. Await it before building a queue or a
   * worker: one that is built too early stays dead, and its listeners stay on the shared connection.
   */
  reachable(): Promise<void>;
  readonly shards: Shards;
  createQueue(name: QueueName, shard?: Shard): JobQueue;
  createWorker(name: QueueName, processor: JobProcessor, settings: WorkerSettings, shard?: Shard): JobWorker;
  /** Of all shards together. Rejects while the database is away. */
  readStats(name: QueueName): Promise<QueueStats>;
  /** Counts the `limit` newest waiting jobs of a queue without shards by name. Rejects while the database is away. */
  countNames(name: QueueName, limit: number): Promise<NameCounts>;
  /** The share of its memory limit that the database uses; undefined without such a limit. */
  readMemory(): Promise<number | undefined>;
  /**
   * Removes completed jobs beyond each queue's history. Several processes may call it at once. On Redis, where BullMQ
   * trims at each completion, it does nothing. Rejects while the database is away.
   */
  trimHistory(signal: AbortSignal): Promise<void>;
  /** Ids of jobs that wait for longer than any delay, by the database's clock: see `runLateJobs`. */
  listLateJobs(name: SyncQueueName, shard?: Shard): Promise<string[]>;
  /**
   * Writes over the connections that the work uses. Rejects while the database is away, and while it answers reads and
   * refuses writes, as a demoted primary does.
   */
  checkWrite(): Promise<void>;
  /** False while the database has too little memory for more jobs. Answers at once; about a second old. */
  hasRoom(): boolean;
  /** Closes the shared connections. Close queues and workers first. */
  close(): Promise<void>;
};
