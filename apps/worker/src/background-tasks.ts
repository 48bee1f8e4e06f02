import { randomUUID } from "node:crypto";
import {
  pruneBulkChanges,
  pruneFirings,
  prunePurges,
  pruneUnknownTombstones,
  recordWorker,
  removeWorker,
} from "@rollcall/db";
import { moveFailedJobs, runLateJobs, type ShardedProducer, type StoredDeadLetter } from "@rollcall/jobs";
import { startPeriodicTask } from "@rollcall/runtime";
import { recordNewDeadLetters, relayNotifications, workOnBulkChanges, workOnPurges } from "@rollcall/sync";
import type { WorkerContext } from "./context.ts";
import { createActivityCounter } from "./count-activity.ts";
import { pruneOldEvents } from "./prune-events.ts";

const moveEveryMs = 2_000;
const moveDeadlineMs = 2_000;
const relayEveryMs = 1_000;
const pruneEveryMs = 10 * 60_000;
const countEveryMs = 10_000;
/** Postgres queues end up to a few thousand jobs in this time, which the board then lists beyond the history. */
const trimEveryMs = 5_000;

/** A job that a wrong clock delayed waits for up to two of them. */
const lateEveryMs = 10_000;

const bulkEveryMs = 1_000;
const purgeEveryMs = 500;

/**
 * Starts what every worker does besides its jobs. Several workers may do the same at once: a dead letter has one id, and
 * a due event becomes one job.
 *
 * @returns stops it, and resolves when the turns that still run have ended
 */
export function startBackgroundTasks(context: WorkerContext): () => Promise<void> {
  const { backend, log, pool, producers } = context;
  const closing = new AbortController();
  const stops = [
    // A task and no job: the portions in Postgres are the work, and no lost job can leave them undone.
    startPeriodicTask(context, { name: "bulk changes", everyMs: bulkEveryMs }, () =>
      workOnBulkChanges(context, closing.signal),
    ),
    // A scan, because an event that reports a failed job is lost when its process dies.
    startPeriodicTask(context, { name: "dead-letter mover", everyMs: moveEveryMs }, async () => {
      await moveDeadLetters(context, [producers.ensure, producers.sync]);
    }),
    startPeriodicTask(context, { name: "late jobs", everyMs: lateEveryMs }, async () => {
      for (const { name, current } of [producers.ensure, producers.sync])
        for (const one of current()) {
          const jobs = await runLateJobs(backend, { name, ...one });
          if (jobs > 0)
            log.warn(
              { event: "clock_wrong", queue: name, jobs },
              "Jobs run now that waited for a wrong time",
            );
        }
    }),
    startPeriodicTask(context, { name: "purges", everyMs: purgeEveryMs }, () => workOnPurges(context)),
    startPeriodicTask(context, { name: "pruning", everyMs: pruneEveryMs }, async () => {
      await pruneOldEvents(pool, closing.signal);
      await pruneFirings(pool);
      await pruneUnknownTombstones(pool);
      await pruneBulkChanges(pool);
      await prunePurges(pool);
    }),
    startPeriodicTask(context, { name: "queue history", everyMs: trimEveryMs }, () =>
      backend.trimHistory(closing.signal),
    ),
    startPeriodicTask(
      context,
      { name: "activity counts", everyMs: countEveryMs, startsAtOnce: true },
      createActivityCounter(context),
    ),
  ];
  if (context.notificationTarget) {
    const relay = { name: "notification relay", everyMs: relayEveryMs };
    stops.push(
      startPeriodicTask(context, relay, async () => {
        await relayNotifications(pool, producers.sync);
      }),
    );
  }
  return async () => {
    closing.abort();
    await Promise.allSettled(stops.map((stop) => stop()));
  };
}

/** @throws the first error, after every shard had its turn: one may be on a node of the cluster that is away */
export async function moveDeadLetters(
  { pool, producers, log }: Pick<WorkerContext, "pool" | "producers" | "log">,
  sources: readonly Pick<ShardedProducer, "name" | "current">[],
): Promise<void> {
  const target = producers["dead-letter"];
  const record = (letters: readonly StoredDeadLetter[]) => recordNewDeadLetters(pool, letters);
  const errors: unknown[] = [];
  for (const { name, queue, shard } of sources.flatMap(({ name, current }) =>
    current().map((one) => ({ name, ...one })),
  )) {
    try {
      for (const { code, attempts } of await moveFailedJobs(queue, target, record, moveDeadlineMs, shard))
        log.error({ event: "dead_letter_moved", queue: name, code, attempts }, "A job is a dead letter");
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

const beatMs = 10_000;
/** Short after a failed beat, so that the api sees a worker soon after Postgres is back. */
const retryMs = 1_000;

/** Records every 10 s that this worker is alive, so that the api knows when no worker is. @returns stops it */
export function startHeartbeat({ pool }: WorkerContext): () => Promise<void> {
  const id = randomUUID();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function beat(): Promise<void> {
    const delayMs = await recordWorker(pool, id).then(
      () => beatMs,
      () => retryMs,
    );
    if (!stopped) timer = setTimeout(beat, delayMs);
  }

  void beat();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await removeWorker(pool, id).catch(() => undefined);
  };
}
