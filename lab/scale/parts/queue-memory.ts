import {
  addNotificationJob,
  addSyncJob,
  connectRedis,
  JobFailure,
  type JobProcessor,
  moveFailedJobs,
} from "@rollcall/jobs";
import { createSessionCache } from "@rollcall/sync";
import { UnrecoverableError } from "bullmq";
import { Redis } from "ioredis";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { emptyRedis } from "../../stage/stage.ts";
import { forecastBacklog } from "../forecast.ts";
import { addMany, type OpenQueue, openQueues } from "../queues.ts";
import type { Cell } from "../report.ts";
import { clerkIdOf, notificationOf, sessionOf, syncJobsOf } from "../rows/people.ts";
import type { ScalePart } from "./part.ts";

const measured = 100_000;
/** A queue's stream of events grows to 10,000 entries. After that, only the jobs use more memory. */
const addedBefore = 20_000;
const finished = 1_000;
const webhooksPerSecond = 5_000;

/** Redis' memory for each waiting job, each cached login, and each kept job that has ended. */
export const queueMemoryPart: ScalePart = async ({ services, say }) => {
  const redisUrl = services.redis.url;
  const measure = async (
    name: string,
    add: (queue: OpenQueue, number: number) => Promise<void>,
  ): Promise<Cell[]> => {
    say(`Adding ${measured}: ${name}`);
    await emptyRedis(redisUrl);
    const queues = openQueues({ kind: "redis", redisUrl });
    try {
      const queue = await queues.open("sync");
      await addMany(0, addedBefore, (number) => add(queue, number));
      const before = await readUsedBytes(redisUrl);
      await addMany(addedBefore, measured, (number) => add(queue, number));
      const bytes = ((await readUsedBytes(redisUrl)) - before) / measured;
      const { jobsPerGb, minutes } = forecastBacklog({
        bytesPerJob: bytes,
        addedPerSecond: webhooksPerSecond,
      });
      return [name, bytes, jobsPerGb, minutes];
    } finally {
      await queues.close();
    }
  };
  const waiting: Cell[][] = [];
  for (const [name, syncJobOf] of Object.entries(syncJobsOf))
    waiting.push(
      await measure(name, ({ producer, deadlineMs }, number) =>
        addSyncJob(producer, syncJobOf(number), deadlineMs),
      ),
    );
  waiting.push(
    await measure("notification", ({ producer, deadlineMs }, number) =>
      addNotificationJob(producer, notificationOf(number), deadlineMs),
    ),
  );

  await emptyRedis(redisUrl);
  const emptyBytes = await readUsedBytes(redisUrl);
  await fillSessions(redisUrl, measured);
  const sessionBytes = ((await readUsedBytes(redisUrl)) - emptyBytes) / measured;
  await emptyRedis(redisUrl);
  const over = await finishJobs(redisUrl, finished);
  const rest: Cell[][] = [
    ["a login in the session cache, for SESSION_CACHE_TTL_S", sessionBytes],
    ["a completed job; up to 1,000 a queue, for an hour", await readKeyBytes(redisUrl, over.done)],
    ["a dead letter, until a person decides", await readKeyBytes(redisUrl, over.deadLetters)],
    ["a queue's stream of events; one a queue, forever", await readKeyBytes(redisUrl, [over.events])],
  ];
  return {
    tables: [
      {
        title: `Redis: waiting jobs, over ${measured} of them, each of another user`,
        columns: ["", "bytes each", "jobs in 1 GB", `minutes at ${webhooksPerSecond}/s`],
        rows: waiting,
        notes: [
          "Dedup keys are included. From 70 % of the memory on, no job is accepted.",
          "Minutes: the longest stop of all workers before that, if each sync job has another user.",
        ],
      },
      { title: "Redis: the rest", columns: ["", "bytes each"], rows: rest },
    ],
  };
};

/** Fills the session cache with `count` logins, each after a miss. */
async function fillSessions(redisUrl: string, count: number): Promise<void> {
  const redis = connectRedis([redisUrl], { maxRetriesPerRequest: 3 }, () => undefined);
  // The entries must not expire before their memory is measured.
  const cache = createSessionCache({ redis, ttlS: 3_600, appSessionKey: "session:{clerkId}" });
  const serverStart = "1765432100.123456";
  await addMany(0, count, async (number) => {
    const found = await cache.read(clerkIdOf(number), serverStart);
    if ("hit" in found) throw new Error("The session cache is not empty");
    await cache.fill(clerkIdOf(number), found.miss.lease, { view: sessionOf(number), serverStart });
  });
  redis.disconnect();
}

/** Keys of jobs that have ended, and of the stream of events. */
type FinishedJobs = { done: string[]; deadLetters: string[]; events: string };

/** More jobs than a queue's stream of events holds. */
const jobCount = 20_000;
const concurrency = 200;

/** Runs jobs. `count` of them become dead letters, and the others complete. */
async function finishJobs(redisUrl: string, count: number): Promise<FinishedJobs> {
  const queues = openQueues({ kind: "redis", redisUrl });
  const failing = new Set(Array.from({ length: count }, (_, number) => clerkIdOf(number)));
  const failSome: JobProcessor = async ({ data }) => {
    if (typeof data === "object" && data !== null && failing.has(Reflect.get(data, "clerkId")))
      throw new UnrecoverableError(new JobFailure("clerk.unreadable").message);
  };
  const worker = queues.backend.createWorker("sync", failSome, { concurrency });
  worker.on("error", () => undefined);
  try {
    const { producer, deadlineMs } = await queues.open("sync");
    const sync = await producer.connected(deadlineMs);
    const letters = await queues.open("dead-letter");
    const deadLetters = await letters.producer.connected(deadlineMs);
    await addMany(0, jobCount, (number) =>
      addSyncJob(producer, syncJobsOf["refresh, of a webhook"](number), deadlineMs),
    );
    await waitFor("an empty queue", async () => {
      const counts = await sync.getJobCounts("waiting", "active");
      return Object.values(counts).every((waiting) => waiting === 0) || undefined;
    });
    while ((await moveFailedJobs(sync, letters.producer, async () => {}, deadlineMs)).length > 0);
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

/** Opens a connection for one piece of work. */
async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** All bytes that Redis has allocated, its own tables included. */
async function readUsedBytes(url: string): Promise<number> {
  const text = await withRedis(url, (redis) => redis.info("memory"));
  return Number(/^used_memory:(\d+)/m.exec(text)?.[1]);
}

/** Mean bytes of a key with its value. `keys` must not be empty. */
async function readKeyBytes(url: string, keys: readonly string[]): Promise<number> {
  const bytes = await withRedis(url, (redis) =>
    Promise.all(keys.map((key) => redis.memory("USAGE", key, "SAMPLES", 0))),
  );
  return bytes.reduce((sum: number, one) => sum + Number(one), 0) / keys.length;
}
