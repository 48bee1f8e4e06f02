import { setTimeout as sleep } from "node:timers/promises";
import {
  decideRetryDelayMs,
  JobFailure,
  type JobWorker,
  moveFailedJobs,
  openProducer,
  type QueueBackend,
  type QueuedJob,
  readSyncJob,
  type SyncQueueName,
} from "@rollcall/jobs";
import { addDeadlineMs, openBackend } from "./connect.ts";
import { nameLane } from "./crowd.ts";
import { type JournalWriter, openJournalWriter } from "./journal.ts";
import { lockMs, type ProcessPlan, processPlan } from "./plan.ts";
import { createRandom, drawBetween, type Random } from "./random.ts";
import { drawFate } from "./run-fate.ts";

type Stage = { plan: ProcessPlan; backend: QueueBackend; write: JournalWriter; random: Random };

let runs = 0;

await work(processPlan.parse(JSON.parse(process.argv[2] ?? "")));

/** Works off both sync job queues and moves dead letters until SIGTERM, as apps/worker does. */
async function work(plan: ProcessPlan): Promise<void> {
  const backend = openBackend(plan);
  const stage = {
    plan,
    backend,
    write: openJournalWriter(plan.journal),
    random: createRandom(plan.processSeed),
  };
  const workers = [startWorker(stage, "ensure"), startWorker(stage, "sync")];
  const stopMover = startMover(stage);
  let stopping = false;
  process.on("SIGTERM", async () => {
    if (stopping) return;
    stopping = true;
    await stopMover();
    await Promise.allSettled(workers.map((worker) => worker.close()));
    await backend.close();
    process.exit(0);
  });
  // The run is over when the process that leads it is gone.
  process.once("disconnect", () => process.exit(1));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  process.send?.("at work");
}

/** With the settings of apps/worker/src/sync job-worker.ts; what is a time is divided by the plan's `faster`. */
function startWorker(stage: Stage, queue: SyncQueueName): JobWorker {
  // Redis takes no fractions: with one in the interval every stalled check would fail.
  const shorten = (ms: number) => Math.ceil(ms / stage.plan.faster);
  const worker = stage.backend.createWorker(
    queue,
    (job) => run(stage, queue, job, (ms) => worker.rateLimit(ms)),
    {
      concurrency: 200,
      lockDuration: shorten(lockMs),
      stalledInterval: shorten(5_000),
      maxStalledCount: 20,
      runRetryDelay: 1_000,
      drainDelay: 5,
      maximumRateLimitDelay: 5_000,
      settings: { backoffStrategy: (attemptsMade) => shorten(decideRetryDelayMs(queue, attemptsMade)) },
    },
  );
  worker.on("error", ({ message }) => stage.write({ at: "error", message: message.slice(0, 500) }));
  return worker;
}

/** As apps/worker/src/process-sync job.ts, with the fate that the plan draws in place of Clerk and Postgres. */
async function run(
  { plan, write, random }: Stage,
  queue: SyncQueueName,
  job: QueuedJob,
  pauseQueue: (ms: number) => Promise<void>,
): Promise<void> {
  const syncJob = readSyncJob(job.data);
  runs += 1;
  const name = `${plan.name}.${runs}`;
  write({ at: "started", run: name, lane: nameLane({ queue, syncJob }), job: `${queue} ${job.id}` });
  const { durationMs, ending } = drawFate(plan, syncJob.clerkId, random);
  await sleep(durationMs);
  write({ at: ending, run: name });
  if (ending === "limited") {
    await pauseQueue(Math.ceil(drawBetween(random, 1_000, 5_000) / plan.faster)).catch(() => undefined);
    throw limitError();
  }
  if (ending === "failed") throw new JobFailure("user.rejected");
}

/** BullMQ knows its RateLimitError by this message. BullMQ itself is a dependency of packages/jobs, not of tests. */
function limitError(): Error {
  return new Error("bullmq:rateLimitExceeded");
}

/** As apps/worker/src/background-tasks.ts. @returns stops it and closes its queues */
function startMover({ plan, backend }: Stage): () => Promise<void> {
  const target = openProducer(backend, "dead-letter");
  const sources = [openProducer(backend, "ensure"), openProducer(backend, "sync")];
  const stopping = new AbortController();
  const moving = (async () => {
    while (!stopping.signal.aborted) {
      for (const source of sources) {
        const queue = source.current();
        if (queue) await moveFailedJobs(queue, target, addDeadlineMs).catch(() => undefined);
      }
      await sleep(2_000 / plan.faster);
    }
  })();
  return async () => {
    stopping.abort();
    await moving;
    await Promise.all([target, ...sources].map((queue) => queue.close()));
  };
}
