import { addNotificationJob, addSyncJob } from "@rollcall/jobs";
import { emptyRedis } from "../../bench/stage/stage.ts";
import { forecastBacklog } from "../forecast/backlog.ts";
import { addMany } from "../load/add-many.ts";
import { fillSessions } from "../load/fill-sessions.ts";
import { finishJobs } from "../load/finish-jobs.ts";
import { type OpenQueue, openQueues } from "../load/open-queues.ts";
import { readKeyBytes, readUsedBytes } from "../measure/redis-bytes.ts";
import type { Cell } from "../report/part-report.ts";
import { syncJobsOf, welcomeOf } from "../rows/people.ts";
import type { ScalePart } from "./part.ts";

const measured = 100_000;
/** A queue's stream of events grows until it has ten thousand entries: what is added from then on is the jobs'. */
const addedBefore = 20_000;
const finished = 1_000;
const webhooksPerSecond = 5_000;

/** What Redis needs for each job that waits, each login that is cached, and each job that is kept when it is over. */
export const queueMemoryPart: ScalePart = async ({ services, say }) => {
  const redisUrl = services.redis.url;
  const measure = async (
    what: string,
    add: (queue: OpenQueue, number: number) => Promise<void>,
  ): Promise<Cell[]> => {
    say(`Adding ${measured}: ${what}`);
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
      return [what, bytes, jobsPerGb, minutes];
    } finally {
      await queues.close();
    }
  };
  const waiting: Cell[][] = [];
  for (const [what, syncJobOf] of Object.entries(syncJobsOf))
    waiting.push(
      await measure(what, ({ producer, deadlineMs }, number) =>
        addSyncJob(producer, syncJobOf(number), deadlineMs),
      ),
    );
  waiting.push(
    await measure("welcome", ({ producer, deadlineMs }, number) =>
      addNotificationJob(producer, welcomeOf(number), deadlineMs),
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
    ["a job that is done; at most 1,000 a queue, an hour", await readKeyBytes(redisUrl, over.done)],
    ["a dead letter, until a person decides", await readKeyBytes(redisUrl, over.deadLetters)],
    ["a queue's stream of events; one a queue, for ever", await readKeyBytes(redisUrl, [over.events])],
  ];
  return {
    tables: [
      {
        title: `Redis: waiting jobs, over ${measured} of them, each of another user`,
        columns: ["", "bytes each", "jobs in 1 GB", `minutes at ${webhooksPerSecond}/s`],
        rows: waiting,
        notes: [
          "Dedup keys included. Of 1 GB, 70 % are for what waits: from there on nothing is accepted.",
          "Minutes: how long nobody may work until then, if no two of the sync jobs are about one user.",
        ],
      },
      { title: "Redis: the rest", columns: ["", "bytes each"], rows: rest },
    ],
  };
};
