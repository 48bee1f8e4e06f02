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
import { createRandom, drawBetween, type Random } from "../stage/random.ts";
import { nameLane } from "./draw-sync-job.ts";
import { type JournalWriter, openJournalWriter } from "./journal.ts";
import { lockMs, type ProcessPlan, processPlan, type StressPlan } from "./plan.ts";
import { addDeadlineMs, openBackend } from "./queues.ts";

type Context = { plan: ProcessPlan; backend: QueueBackend; write: JournalWriter; random: Random };

const outageSlotMs = 500;
let runs = 0;

await work(processPlan.parse(JSON.parse(process.argv[2] ?? "")));

/** Runs the jobs of both sync queues and moves dead letters until SIGTERM, as apps/worker does. */
async function work(plan: ProcessPlan): Promise<void> {
  const backend = openBackend(plan);
  const context = {
    plan,
    backend,
    write: openJournalWriter(plan.journal),
    random: createRandom(plan.processSeed),
  };
  const workers = [startWorker(context, "ensure"), startWorker(context, "sync")];
  const stopMover = startMover(context);
  let stopping = false;
  process.on("SIGTERM", async () => {
    if (stopping) return;
    stopping = true;
    await stopMover();
    await Promise.allSettled(workers.map((worker) => worker.close()));
    await backend.close();
    process.exit(0);
  });
  // The stress run ends with its main process.
  process.once("disconnect", () => process.exit(1));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  process.send?.("ready");
}

/** Has the settings of apps/worker/src/sync-worker.ts. Times are divided by the plan's `faster`. */
function startWorker(context: Context, queue: SyncQueueName): JobWorker {
  // Redis refuses fractions, and every stalled check with a fractional interval would fail.
  const shorten = (ms: number) => Math.ceil(ms / context.plan.faster);
  const worker = context.backend.createWorker(
    queue,
    (job) => run(context, queue, job, (ms) => worker.rateLimit(ms)),
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
  worker.on("error", ({ message }) => context.write({ at: "error", message: message.slice(0, 500) }));
  return worker;
}

/** Like apps/worker/src/process-sync-job.ts, with a drawn outcome instead of Clerk and Postgres. */
async function run(
  { plan, write, random }: Context,
  queue: SyncQueueName,
  job: QueuedJob,
  pauseQueue: (ms: number) => Promise<void>,
): Promise<void> {
  const syncJob = readSyncJob(job.data);
  runs += 1;
  const name = `${plan.name}.${runs}`;
  write({ at: "started", run: name, lane: nameLane({ queue, syncJob }), job: `${queue} ${job.id}` });
  const { durationMs, ending } = drawOutcome(plan, syncJob.clerkId, random);
  await sleep(durationMs);
  write({ at: ending, run: name });
  if (ending === "limited") {
    await pauseQueue(Math.ceil(drawBetween(random, 1_000, 5_000) / plan.faster)).catch(() => undefined);
    throw limitError();
  }
  if (ending === "failed") throw new JobFailure("user.rejected");
}

type Outcome = { durationMs: number; ending: "finished" | "failed" | "limited" };

/**
 * Draws how a job run ends. An outage affects all workers at once, as in production. Every fortieth user always fails and
 * must become a dead letter. Some runs last longer than a job's lock.
 */
function drawOutcome(plan: StressPlan, clerkId: string, random: Random): Outcome {
  if (!plan.failures) return { durationMs: 0, ending: "finished" };
  const slot = Math.floor((Date.now() - plan.startedAtMs) / outageSlotMs);
  if (isOutage(plan.seed, slot)) return { durationMs: drawBetween(random, 0, 50), ending: "limited" };
  const poisoned = Number(clerkId.slice("user_".length)) % 40 === 0;
  const ending = poisoned || random() < 0.08 ? "failed" : "finished";
  return { durationMs: drawDurationMs(random), ending };
}

function isOutage(seed: number, slot: number): boolean {
  return (Math.imul(slot + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 0 < 0.04 * 2 ** 32;
}

function drawDurationMs(random: Random): number {
  const draw = random();
  if (draw < 0.8) return drawBetween(random, 0, 30);
  return draw < 0.98 ? drawBetween(random, 30, 300) : drawBetween(random, 300, 2_500);
}

/** BullMQ recognizes its RateLimitError by this message. */
function limitError(): Error {
  return new Error("bullmq:rateLimitExceeded");
}

/** Like apps/worker/src/background-tasks.ts. @returns a function that stops the mover and closes its queues */
function startMover({ plan, backend }: Context): () => Promise<void> {
  const target = openProducer(backend, "dead-letter");
  const sources = [openProducer(backend, "ensure"), openProducer(backend, "sync")];
  const stopping = new AbortController();
  const moving = (async () => {
    while (!stopping.signal.aborted) {
      for (const source of sources) {
        const queue = source.current();
        if (queue) await moveFailedJobs(queue, target, async () => {}, addDeadlineMs).catch(() => undefined);
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
