import {
  type BackendFactory,
  createPostgresBackend,
  type JobJson,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  type WorkerOptions,
} from "bullmq";
import type pg from "pg";
import { createBatcher } from "./batcher.ts";
import { type DoneJob, finishJobs } from "./finish-jobs.ts";

/**
 * BullMQ's backend on Postgres. Jobs that are added together are one statement, and so are jobs that end together. BullMQ
 * has a transaction for each of them.
 */
export function createBatchedBackend(
  pool: pg.Pool,
): BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> {
  return (name, options, factoryOptions) => {
    const backend = createPostgresBackend(name, options, factoryOptions);
    batchAdds(backend);
    // A queue never finishes a job. Only a worker's options have the other names.
    batchFinishes(backend, pool, name, options as Partial<WorkerOptions>);
    return backend;
  };
}

/** A job of a batch takes a lock of its own, and Postgres has room for some 6,000 locks. */
const mostJobs = 50;
/** Of each kind, and for each queue of a process. */
const mostBatches = 2;
/** Longer than the callers of an add wait. */
const longestWaitMs = 5_000;

/**
 * An add still resolves only when its job is committed. Jobs with a deduplication key alone are batched: for the others
 * BullMQ's statement makes temporary tables, and it treats an id that exists differently.
 */
function batchAdds(backend: PostgresQueueBackend): void {
  const addAlone = backend.addJob.bind(backend);
  const addTogether = backend.addJobs.bind(backend);
  const add = createBatcher<JobJson, string>({
    mostItems: mostJobs,
    mostBatches,
    longestWaitMs,
    run: async (jobs) => {
      const [first, ...others] = jobs;
      if (first && others.length === 0) {
        const id = await addAlone(first, "");
        return () => id;
      }
      try {
        const ids = await addTogether(jobs.map((job) => ({ job, jobId: "" })));
        const idOf = new Map(jobs.map((job, index) => [job, ids[index]]));
        return (job) => idOf.get(job) ?? addAlone(job, "");
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return (job) => addAlone(job, "");
      }
    },
  });
  backend.addJob = (job, jobId, parent) =>
    job.deduplicationId === undefined || jobId || job.id || job.parent || parent?.parentKey
      ? addAlone(job, jobId, parent)
      : add(job);
}

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

/**
 * Whether Postgres refused the statement because of one of its rows, a conflict with another transaction, or too many
 * locks. Each job then goes alone. In an outage all would fail alike.
 */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(22|23|40|BM|53200)/.test(String(error.code));
}
