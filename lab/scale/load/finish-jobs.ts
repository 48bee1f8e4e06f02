import { addSyncJob, JobFailure, type JobProcessor, moveFailedJobs } from "@rollcall/jobs";
import { UnrecoverableError } from "bullmq";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { clerkIdOf, syncJobsOf } from "../rows/people.ts";
import { addMany } from "./add-many.ts";
import { openQueues } from "./open-queues.ts";

/** Keys of what is left when jobs are over. */
export type FinishedJobs = { done: string[]; deadLetters: string[]; events: string };

/** More than a queue's stream of events holds. */
const forgotten = 20_000;
const concurrency = 200;

/** Works jobs off: most of them to no effect, and as many as are asked for into dead letters. */
export async function finishJobs(redisUrl: string, count: number): Promise<FinishedJobs> {
  const queues = openQueues({ kind: "redis", redisUrl });
  const doomed = new Set(Array.from({ length: count }, (_, number) => clerkIdOf(number)));
  const failTheDoomed: JobProcessor = async ({ data }) => {
    if (typeof data === "object" && data !== null && doomed.has(Reflect.get(data, "clerkId")))
      throw new UnrecoverableError(new JobFailure("clerk.unreadable").message);
  };
  const worker = queues.backend.createWorker("sync", failTheDoomed, { concurrency });
  worker.on("error", () => undefined);
  try {
    const { producer, deadlineMs } = await queues.open("sync");
    const sync = await producer.connected(deadlineMs);
    const letters = await queues.open("dead-letter");
    const deadLetters = await letters.producer.connected(deadlineMs);
    await addMany(0, forgotten, (number) =>
      addSyncJob(producer, syncJobsOf["look, of a webhook"](number), deadlineMs),
    );
    await waitFor("the queue to run empty", async () => {
      const counts = await sync.getJobCounts("waiting", "active");
      return Object.values(counts).every((waiting) => waiting === 0) || undefined;
    });
    while ((await moveFailedJobs(sync, letters.producer, deadlineMs)).length > 0);
    return {
      done: (await sync.getCompleted()).map(({ id }) => sync.toKey(String(id))),
      deadLetters: (await deadLetters.getWaiting()).map(({ id }) => deadLetters.toKey(String(id))),
      events: sync.toKey("events"),
    };
  } finally {
    await worker.close();
    await queues.close();
  }
}
