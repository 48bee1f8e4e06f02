import { setTimeout as sleep } from "node:timers/promises";
import { AppError, withTimeout } from "@rollcall/contracts";
import type { Tracing } from "@rollcall/observability";
import type { AddedJob, JobQueue, JobToAdd, QueueBackend } from "./backend.ts";
import { traceEnqueue } from "./job-traces.ts";
import { type QueueName, queueNames, type SyncQueueName } from "./queue-names.ts";
import { pickShard, type Shard } from "./shards.ts";

const reachTimeoutMs = 10_000;
const connectTimeoutMs = 5_000;
const reconnectDelayMs = 1_000;

/** Called when a queue is connected, and for every failed attempt to connect it. */
export type ProducerListener = {
  onConnected(queue: QueueName, shard: Shard): void;
  onError(queue: QueueName, error: Error): void;
};

/** Adds jobs to one queue, however often its database goes away and comes back. */
export type Producer = {
  readonly name: QueueName;
  /** The connected queue; undefined until the first connection. */
  current(): JobQueue | undefined;
  /** Waits for the first connection. @throws AppError `queue.unavailable` after `deadlineMs` */
  connected(deadlineMs: number): Promise<JobQueue>;
  /**
   * Adds a job, or fails within `deadlineMs`. A job that timed out after it was sent may still be in the queue. A job
   * that found no connection is dropped and never added later.
   *
   * @throws AppError `queue.unavailable`
   */
  add(job: JobToAdd, deadlineMs: number): Promise<void>;
  close(): Promise<void>;
};

/** Adds jobs about users. A `Producer` is one too. */
export type UserProducer = {
  /** @throws AppError `queue.unavailable` */
  add(job: JobToAdd & { clerkId: string }, deadlineMs: number): Promise<void>;
};

/** Adds jobs to the queues of one name, each to the shard of its user. */
export type ShardedProducer = UserProducer & {
  readonly name: SyncQueueName;
  /** The connected queues of all shards that are known. */
  current(): readonly { shard: Shard; queue: JobQueue }[];
  /** The queues of all shards that exist, connected. @throws AppError `queue.unavailable` after `deadlineMs` */
  connected(deadlineMs: number): Promise<readonly JobQueue[]>;
  close(): Promise<void>;
};

export type Producers = Record<SyncQueueName, ShardedProducer> &
  Record<Exclude<QueueName, SyncQueueName>, Producer>;

/** Opens every queue for adding, each as `openProducer` does. */
export function openProducers(
  backend: QueueBackend,
  listener?: ProducerListener,
  tracing?: Tracing,
): Producers {
  return {
    ensure: openShardedProducer(backend, "ensure", listener, tracing),
    sync: openShardedProducer(backend, "sync", listener, tracing),
    reconcile: openProducer(backend, "reconcile", listener, tracing),
    "dead-letter": openProducer(backend, "dead-letter", listener, tracing),
  };
}

/** Closes every producer, connected or not. */
export async function closeProducers(producers: Producers): Promise<void> {
  await Promise.allSettled(queueNames.map((name) => producers[name].close()));
}

/** Opens the queues of all shards of a name, and later those that another process begins to use. */
export function openShardedProducer(
  backend: QueueBackend,
  name: SyncQueueName,
  listener?: ProducerListener,
  tracing?: Tracing,
): ShardedProducer {
  const { shards } = backend;
  const opened = new Map<Shard, Producer>();
  const stop = shards.watch((shard) => {
    opened.set(shard, openProducer(backend, name, listener, tracing, shard));
  });
  return {
    name,
    add: ({ clerkId, ...job }, deadlineMs) => get(pickShard(clerkId, shards.count)).add(job, deadlineMs),
    current: () =>
      [...opened].flatMap(([shard, producer]) => {
        const queue = producer.current();
        return queue ? { shard, queue } : [];
      }),
    connected: async (deadlineMs) => {
      const endMs = performance.now() + deadlineMs;
      const leftMs = () => Math.max(1, Math.ceil(endMs - performance.now()));
      // The shards are asked of a database that is connected.
      await get(0).connected(deadlineMs);
      const listed = await withQueueTimeout(shards.list(), leftMs(), `Listing the shards of queue ${name}`);
      return Promise.all(listed.map((shard) => get(shard).connected(leftMs())));
    },
    close: async () => {
      stop();
      await Promise.allSettled([...opened.values()].map((producer) => producer.close()));
    },
  };

  function get(shard: Shard): Producer {
    const producer = opened.get(shard);
    if (!producer) throw new AppError("internal", `Shard ${shard} of queue ${name} is not open`);
    return producer;
  }
}

/**
 * Opens a queue for adding. Returns at once; the first `add` waits for the connection within its own deadline.
 *
 * A BullMQ queue that is built while its database is down stays dead, and leaves a listener on the shared connection. So
 * it is built once the database answers, and again only when building fails. From then on BullMQ survives outages.
 */
export function openProducer(
  backend: QueueBackend,
  name: QueueName,
  listener?: ProducerListener,
  tracing?: Tracing,
  shard: Shard = 0,
): Producer {
  const closing = new AbortController();
  const connection = awaitFirstConnection<JobQueue>(`Connecting queue ${name}`);
  connect().catch(connection.fail);

  async function connect(): Promise<void> {
    for (;;) {
      try {
        await withQueueTimeout(backend.reachable(), reachTimeoutMs, `Reaching the database of queue ${name}`);
        connection.arrive(await build());
        listener?.onConnected(name, shard);
        return;
      } catch (error) {
        listener?.onError(name, error instanceof Error ? error : new Error(String(error)));
        await sleep(reconnectDelayMs, undefined, { signal: closing.signal });
      }
    }
  }

  async function build(): Promise<JobQueue> {
    const queue = backend.createQueue(name, shard);
    queue.on("error", (error) => listener?.onError(name, error));
    try {
      await withQueueTimeout(queue.waitUntilReady(), connectTimeoutMs, `Connecting queue ${name}`);
      return queue;
    } catch (error) {
      queue.close().catch(() => undefined);
      throw error;
    }
  }

  async function add({ name: jobName, payload, options }: JobToAdd, deadlineMs: number): Promise<AddedJob> {
    if (!backend.hasRoom()) {
      throw new AppError("queue.unavailable", `The database of queue ${name} has too little memory left`);
    }
    const startedMs = performance.now();
    const queue = await connection.within(deadlineMs);
    const leftMs = Math.ceil(deadlineMs - (performance.now() - startedMs));
    if (leftMs <= 0) {
      throw new AppError("queue.unavailable", `Connecting queue ${name} took longer than ${deadlineMs} ms`);
    }
    const job = await withQueueTimeout(
      queue.add(jobName, payload, options),
      leftMs,
      `Adding to queue ${name}`,
    );
    return { queue, id: job.id };
  }

  return {
    name,
    current: connection.current,
    connected: connection.within,
    add: async (job, deadlineMs) => {
      if (tracing) await traceEnqueue(tracing, name, job, (traced) => add(traced, deadlineMs));
      else await add(job, deadlineMs);
    },
    close: async () => {
      closing.abort();
      await connection.current()?.close();
    },
  };
}

/**
 * Waits for a queue's database no longer than `limitMs`. The work goes on and may still succeed later.
 *
 * @throws AppError `queue.unavailable` when the time is over or the work fails
 */
export async function withQueueTimeout<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  try {
    return await withTimeout(work, limitMs, "queue.unavailable", what);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("queue.unavailable", `${what} failed`, { cause: error });
  }
}

type FirstConnection<T> = {
  current(): T | undefined;
  /** @throws AppError `queue.unavailable` after `deadlineMs`, or after `fail` */
  within(deadlineMs: number): Promise<T>;
  arrive(value: T): void;
  /** Ends every present and later wait: there will be no connection. */
  fail(cause: unknown): void;
};

type Waiter<T> = { resolve(value: T): void; reject(error: AppError): void };

/**
 * Lets callers wait for the first connection, each within its own deadline, and forgets a caller whose deadline passed.
 * One shared promise would keep the reactions of every caller until it settles, so memory would grow during an outage.
 */
function awaitFirstConnection<T extends object>(what: string): FirstConnection<T> {
  const waiters = new Set<Waiter<T>>();
  let value: T | undefined;
  let cause: unknown;
  const failed = () => new AppError("queue.unavailable", `${what} failed`, { cause });

  async function wait(deadlineMs: number): Promise<T> {
    const { promise, ...waiter } = withResolvers<T>();
    waiters.add(waiter);
    try {
      return await withTimeout(promise, deadlineMs, "queue.unavailable", what);
    } finally {
      waiters.delete(waiter);
    }
  }

  return {
    current: () => value,
    within: async (deadlineMs) => {
      if (cause !== undefined) throw failed();
      return value ?? wait(deadlineMs);
    },
    arrive: (arrived) => {
      value = arrived;
      for (const { resolve } of waiters) resolve(arrived);
    },
    fail: (reason) => {
      cause = reason;
      for (const { reject } of waiters) reject(failed());
    },
  };
}

/** Promise.withResolvers, which Node 20 lacks. */
function withResolvers<T>(): Waiter<T> & { promise: Promise<T> } {
  let waiter: Waiter<T> = { resolve: () => undefined, reject: () => undefined };
  const promise = new Promise<T>((resolve, reject) => {
    waiter = { resolve, reject };
  });
  return { promise, ...waiter };
}
