import { setTimeout as sleep } from "node:timers/promises";
import type { JobWorker, QueueName } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";

/** A worker that comes to life whenever its database does. */
export type QueueWorker = {
  /** Takes nothing new and waits for what is active. */
  close(): Promise<void>;
};

/** Starts working off a queue. Like a queue, a worker built while its database is down is built again. */
export function startQueueWorker(
  { backend, log }: WorkerContext,
  queue: QueueName,
  createWorker: () => JobWorker,
): QueueWorker {
  const closing = new AbortController();
  let worker: JobWorker | undefined;
  const started = start().catch(() => undefined);

  async function start(): Promise<void> {
    for (;;) {
      try {
        await backend.reachable();
        // Closed meanwhile: nobody would close what is built now.
        if (closing.signal.aborted) return;
        worker = createWorker();
        worker.on("error", (error) => log.warn({ queue, err: error }, "Worker error"));
        await worker.waitUntilReady();
        return;
      } catch (error) {
        log.warn({ event: "queue_lost", queue, err: error }, "Queue not reached");
        worker?.close(true).catch(() => undefined);
        worker = undefined;
        await sleep(1_000, undefined, { signal: closing.signal });
      }
    }
  }

  return {
    close: async () => {
      closing.abort();
      await worker?.close();
      await started;
    },
  };
}
