import { type Overview, withTimeout } from "@rollcall/contracts";
import {
  listProcessMarks,
  listRuns,
  readGrowth,
  readGrowthHours,
  readPeaks,
  readTimesToProfile,
  readWebhookHours,
} from "@rollcall/db";
import { queueAgeGauge, type Services, shareAnswer } from "@rollcall/runtime";
import { askClerk, countAll, findProblems, readFacts } from "@rollcall/sync";

/** Callers within this time share one answer. */
const shareForMs = 1_500;
/** Counting users reads whole tables. It may take 5 % of one connection's time. */
const shareUsersForMs = (tookMs: number) => Math.max(shareForMs, 20 * tookMs);
/** The question to Clerk counts against its rate limit. */
const shareClerkForMs = 15_000;
const shareHistoryForMs = 10_000;
const askTimeoutMs = 2_000;

const days = 30;
const hours = 48;
const webhookHours = 24;
const fullSyncs = 5;
const mostMarks = 200;

/**
 * The state of the system at a glance. It never fails: a part is null while its source is away.
 *
 * @returns reads it, at most once in 1.5 s for all callers together
 */
export function createOverviewReader(context: Services): () => Promise<Overview> {
  const { pool } = context;
  const countUsers = shareAnswer(shareUsersForMs, () => countAll(pool));
  const readClerk = shareAnswer(shareClerkForMs, () => askClerk(context.clerk));
  const share = <T>(ms: number, read: () => Promise<T>) => {
    const readShared = shareAnswer(ms, read);
    return () => withTimeout(readShared(), askTimeoutMs).catch(() => null);
  };
  const readDays = share(shareForMs, () => readGrowth(pool, { days, zone: "UTC" }));
  const readHours = share(shareForMs, () => readGrowthHours(pool, hours));
  const readTimes = share(shareForMs, () => readTimesToProfile(pool, days));
  const readRuns = share(shareForMs, () => readNewestRuns(pool));
  const readWebhooks = share(shareHistoryForMs, () => readWebhookHours(pool, webhookHours));
  const readAges = share(shareHistoryForMs, () =>
    readPeaks(pool, { metric: queueAgeGauge, hours: 24, stepS: 300 }),
  );
  const readMarks = share(shareHistoryForMs, () => listProcessMarks(pool, days, mostMarks));
  const readQueues = share(shareForMs, () => readQueueAges(context));

  return shareAnswer(shareForMs, async () => {
    const [facts, day, hour, timeToProfile, runs, webhooks, ages, marks, queues] = await Promise.all([
      readFacts(context, { users: countUsers(), clerk: readClerk() }),
      readDays(),
      readHours(),
      readTimes(),
      readRuns(),
      readWebhooks(),
      readAges(),
      readMarks(),
      readQueues(),
    ]);
    return {
      at: new Date().toISOString(),
      attention: findProblems(facts, context),
      users: facts.users,
      signUps: day && hour && { day: day.items, hour: hour.items },
      timeToProfile,
      webhooks,
      queueAge: {
        now: queues,
        history: ages?.map(({ at, value }) => ({ at, oldestS: value })) ?? null,
      },
      runs,
      marks,
      sources: {
        postgres: facts.postgres,
        queue: facts.queue.state,
        clerk: facts.clerk.state,
        workers: facts.workers,
      },
    };
  });
}

/** There is an incremental sync each minute, so one of them stands for all. */
async function readNewestRuns(pool: Services["pool"]) {
  const [full, incremental] = await Promise.all([
    listRuns(pool, { mode: "full", beforeId: undefined, limit: fullSyncs }),
    listRuns(pool, { mode: "catch-up", beforeId: undefined, limit: 1 }),
  ]);
  return [...full, ...incremental];
}

/** The queues whose jobs users wait for. */
async function readQueueAges({ backend }: Services) {
  return Promise.all(
    (["ensure", "sync"] as const).map(async (queue) => {
      const { oldestUnfinishedAtMs } = await backend.readStats(queue);
      const ageMs = oldestUnfinishedAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestUnfinishedAtMs);
      return { queue, oldestS: ageMs / 1_000 };
    }),
  );
}
