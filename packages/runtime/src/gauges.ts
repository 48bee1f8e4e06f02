import {
  countHeldDeletions,
  countMissedByWebhooks,
  countOpenConflicts,
  countUsersByState,
  countWorkers,
  hasRecentSample,
  type Pool,
  readRunAges,
} from "@rollcall/db";
import { type QueueBackend, queueNames } from "@rollcall/jobs";
import type { GaugeName } from "@rollcall/observability";
import { countDeadLetters } from "@rollcall/sync";

/** One value of a gauge. */
export type Reading = { name: GaugeName; labels: Readonly<Record<string, string>>; value: number };

/** Reads gauges that belong together; rejects while what they are read from is away. */
export type GaugeReader = () => Promise<Reading[]>;

/** Stored by every api process that has a signing secret, with each of its turns: only it knows. */
export const webhooksConfigured = { metric: "rollcall_webhooks_configured", labels: {}, value: 1 } as const;

const usersEveryMs = 60_000;

/** Everything that is true of the whole system and not of one process, each reader with one round of questions. */
export function createGaugeReaders(pool: Pool, backend: QueueBackend): GaugeReader[] {
  const countUsers = atMostEvery(usersEveryMs, () => countUsersByState(pool));
  return [
    async () => [one("rollcall_workers", await countWorkers(pool))],
    async () => [one("rollcall_conflicts_open", await countOpenConflicts(pool))],
    async () =>
      (await readRunAges(pool)).map(({ mode, seconds }) => ({
        name: "rollcall_reconcile_age_seconds",
        labels: { mode },
        value: seconds,
      })),
    async () => [one("rollcall_webhooks_missed", await countMissedByWebhooks(pool))],
    async () => {
      const isConfigured = await hasRecentSample(pool, webhooksConfigured.metric);
      return [one(webhooksConfigured.metric, isConfigured ? 1 : 0)];
    },
    async () => {
      const [states, held] = await Promise.all([countUsers(), countHeldDeletions(pool)]);
      return Object.entries({ ...states, held }).map(([state, value]) => ({
        name: "rollcall_users",
        labels: { state },
        value,
      }));
    },
    ...queueNames.map((queue) => () => readQueue(backend, queue)),
    () => readDeadLetters(backend),
    async () => [one("rollcall_queue_memory_ratio", (await backend.readMemory()) ?? 0)],
  ];
}

async function readQueue(backend: QueueBackend, queue: (typeof queueNames)[number]): Promise<Reading[]> {
  const { jobs, oldestUnfinishedAtMs } = await backend.readStats(queue);
  const counts = Object.entries(jobs).map(
    ([state, value]): Reading => ({ name: "rollcall_queue_jobs", labels: { queue, state }, value }),
  );
  // Dead letters wait for a person, and a schedule's next job for its hour: their age says nothing.
  if (queue === "dead-letter" || queue === "reconcile") return counts;
  const ageMs = oldestUnfinishedAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestUnfinishedAtMs);
  return [
    ...counts,
    { name: "rollcall_queue_oldest_unfinished_seconds", labels: { queue }, value: ageMs / 1_000 },
  ];
}

async function readDeadLetters(backend: QueueBackend): Promise<Reading[]> {
  const counts = await countDeadLetters(backend);
  return counts.map(({ code, count }) => ({
    name: "rollcall_dead_letters",
    labels: { code },
    value: count,
  }));
}

function one(name: GaugeName, value: number): Reading {
  return { name, labels: {}, value };
}

/** `read`, asked again only when the last answer is older than `ms`; a failure is not kept. */
function atMostEvery<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let last: { atMs: number; answer: Promise<T> } | undefined;
  return () => {
    if (last && Date.now() - last.atMs < ms) return last.answer;
    const asked = { atMs: Date.now(), answer: read() };
    last = asked;
    asked.answer.catch(() => {
      if (last === asked) last = undefined;
    });
    return asked.answer;
  };
}
