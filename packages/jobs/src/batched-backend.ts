import {
  type BackendFactory,
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  type WorkerOptions,
} from "bullmq";
import type pg from "pg";
import { createBatcher } from "./batcher.ts";
import { type DoneJob, finishJobs } from "./finish-jobs.ts";

/**
 * BullMQ's backend on Postgres. Jobs that end together are completed in one statement. BullMQ has a transaction for each.
 */
export function createBatchedBackend(
  pool: pg.Pool,
): BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> {
  return (name, options, factoryOptions) => {
    const backend = createPostgresBackend(name, options, factoryOptions);
    // A queue never finishes a job. Only a worker's options have the other names.
    batchFinishes(backend, pool, name, options as Partial<WorkerOptions>);
    return backend;
  };
}

/** A job of a batch takes a lock of its own, and Postgres has room for some 6,000 locks. */
const mostJobs = 50;
/** Of each kind, and for each queue of a process. */
const mostBatches = 2;

type Finished = Awaited<ReturnType<PostgresQueueBackend["moveToCompleted"]>>;

function batchFinishes(
  backend: PostgresQueueBackend,
  pool: pg.Pool,
  queue: string,
  { name, lockDuration = 30_000, limiter, metrics }: Partial<WorkerOptions>,
): void {
  // Only BullMQ's function limits and counts.
  if (limiter || metrics) return;
  const finishAlone = backend.moveToCompleted.bind(backend);
  const finish = createBatcher<DoneJob & { alone: () => Promise<Finished> }, Finished>({
    mostItems: mostJobs,
    mostBatches,
    run: async (jobs) => {
      try {
        const worker = { queue, name, lockMs: lockDuration };
        const { finished, finishedAtMs, next, nextDelayedAtMs } = await finishJobs(pool, worker, jobs);
        return ({ id, token, fetchNext, alone }) => {
          if (!finished.has(id)) return alone();
          const job = next.get(token);
          const result = job ? [job, job.id, 0, 0] : [null, "", 0, nextDelayedAtMs];
          return { finishedOn: finishedAtMs, result: fetchNext ? result : undefined };
        };
      } catch {
        // If the statement took effect and its answer was lost, BullMQ's function says that the job is not active.
        return ({ alone }) => alone();
      }
    },
  });
  backend.moveToCompleted = (job, returnValue, removeOnComplete, token, fetchNext) => {
    // A timer trims the history: see `trimHistory`. BullMQ would read all of it at each completion.
    const keep = typeof removeOnComplete === "object" ? false : removeOnComplete;
    const alone = () => finishAlone(job, returnValue, keep, token, fetchNext);
    if (job.id === undefined || returnValue !== undefined || (keep !== false && keep !== undefined))
      return alone();
    return finish({ id: job.id, token, fetchNext, alone });
  };
}
