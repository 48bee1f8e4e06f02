import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@rollcall/contracts";
import type { JobsOptions } from "bullmq";
import type { JobQueue, QueueBackend } from "./backend.ts";
import { underDeadline } from "./deadline.ts";
import { awaitFirstConnection } from "./first-connection.ts";
import type { QueueName } from "./queue-names.ts";
import {
  decideJobOptions,
  type NotificationJob,
  notificationJobName,
  retryOptions,
  type SyncJob,
} from "./sync-job.ts";

const reachTimeoutMs = 10_000;
const connectTimeoutMs = 5_000;
const reconnectDelayMs = 1_000;

/** Told of a producer's connection, again and again while it is not there. */
export type ProducerListener = {
  onConnected(queue: QueueName): void;
  onError(queue: QueueName, error: Error): void;
};

/** Takes jobs for one queue, however often its database goes away and comes back. */
export type Producer = {
  readonly name: QueueName;
  /** The live queue, or undefined while it was never reached. */
  current(): JobQueue | undefined;
  /** The live queue, once it is reached. @throws AppError `queue.unavailable` after `deadlineMs` */
  connected(deadlineMs: number): Promise<JobQueue>;
  /**
   * Adds a job, or says within `deadlineMs` that it could not. A job that timed out may still have landed when it was
   * sent; one that found no connection is let go and never lands.
   *
   * @throws AppError `queue.unavailable`
   */
  add(job: { name: string; payload: object; options: JobsOptions }, deadlineMs: number): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens a queue for adding. Returns at once; the first `add` waits for the connection within its own deadline.
 * A queue built while its database is down never comes to life, and each one leaves a listener on the shared
 * connection. So it is built once the database answers, and again only when that fails after all; from then
 * on BullMQ itself survives outages. Without a listener failures are told by `connected` and `add` alone.
 */
export function openProducer(backend: QueueBackend, name: QueueName, listener?: ProducerListener): Producer {
  const closing = new AbortController();
  const connection = awaitFirstConnection<JobQueue>(`Connecting queue ${name}`);
  connect().catch(connection.fail);

  async function connect(): Promise<void> {
    for (;;) {
      try {
        await underDeadline(backend.reachable(), reachTimeoutMs, `Reaching the database of queue ${name}`);
        connection.arrive(await build());
        listener?.onConnected(name);
        return;
      } catch (error) {
        listener?.onError(name, error instanceof Error ? error : new Error(String(error)));
        await sleep(reconnectDelayMs, undefined, { signal: closing.signal });
      }
    }
  }

  async function build(): Promise<JobQueue> {
    const candidate = backend.createQueue(name);
    candidate.on("error", (error) => listener?.onError(name, error));
    try {
      await underDeadline(candidate.waitUntilReady(), connectTimeoutMs, `Connecting queue ${name}`);
      return candidate;
    } catch (error) {
      candidate.close().catch(() => undefined);
      throw error;
    }
  }

  return {
    name,
    current: connection.current,
    connected: connection.within,
    add: async ({ name: jobName, payload, options }, deadlineMs) => {
      if (!backend.hasRoom()) {
        throw new AppError("queue.unavailable", `The database of queue ${name} has too little memory left`);
      }
      const startedMs = performance.now();
      const queue = await connection.within(deadlineMs);
      const leftMs = Math.ceil(deadlineMs - (performance.now() - startedMs));
      if (leftMs <= 0) {
        throw new AppError("queue.unavailable", `Connecting queue ${name} took longer than ${deadlineMs} ms`);
      }
      await underDeadline(queue.add(jobName, payload, options), leftMs, `Adding to queue ${name}`);
    },
    close: async () => {
      closing.abort();
      await connection.current()?.close();
    },
  };
}

/** Puts a sync job into a queue. @throws AppError `queue.unavailable` */
export function addSyncJob(producer: Producer, syncJob: SyncJob, deadlineMs: number): Promise<void> {
  return producer.add(
    { name: syncJob.kind, payload: syncJob, options: decideJobOptions(syncJob) },
    deadlineMs,
  );
}

/** Puts a notification job into the queue; one that waits or runs already is not added again. @throws AppError `queue.unavailable` */
export function addNotificationJob(
  producer: Producer,
  notificationJob: NotificationJob,
  deadlineMs: number,
): Promise<void> {
  const options = {
    ...retryOptions,
    deduplication: { id: `${notificationJobName}.${notificationJob.eventId}` },
  };
  return producer.add({ name: notificationJobName, payload: notificationJob, options }, deadlineMs);
}
