import type { JobDeadLetter, JobView } from "@rollcall/contracts";
import type { JobQueue } from "./backend.ts";
import { deadLetter } from "./dead-letter.ts";
import { dedupIds } from "./sync-job.ts";

/** The user's jobs that wait or run in a queue, found by their dedup ids. */
export async function findJobsOfUser(queue: JobQueue, clerkId: string): Promise<JobView[]> {
  const found = await Promise.all(
    dedupIds(clerkId).map(async (id): Promise<JobView[]> => {
      const jobId = await queue.getDeduplicationJobId(id);
      const job = jobId ? await queue.getJob(jobId) : undefined;
      if (!job) return [];
      const state = String(await job.getState());
      const code = job.failedReason ?? null;
      return [
        {
          queue: queue.name,
          kind: job.name,
          state,
          attempts: job.attemptsMade,
          code,
          at: toIso(job.timestamp),
        },
      ];
    }),
  );
  return found.flat();
}

const longestSearch = 1_000;

/** The user's dead letters among the newest thousand. */
export async function findDeadLettersOfUser(
  deadLetters: JobQueue,
  clerkId: string,
): Promise<JobDeadLetter[]> {
  const jobs = await deadLetters.getJobs(["waiting"], 0, longestSearch - 1, false);
  return jobs.flatMap((job) => {
    const letter = deadLetter.safeParse(job?.data).data;
    if (!letter || !isAbout(letter.payload, clerkId)) return [];
    const { queue, name: kind, attempts, code, failedAtMs } = letter;
    return [{ id: String(job.id), queue, kind, state: "dead", attempts, code, at: toIso(failedAtMs) }];
  });
}

function isAbout(payload: unknown, clerkId: string): boolean {
  return typeof payload === "object" && payload !== null && Reflect.get(payload, "clerkId") === clerkId;
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
