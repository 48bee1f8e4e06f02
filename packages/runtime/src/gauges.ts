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
import { countDeadLetters, type QueueBackend, type QueueName, queueNames } from "@rollcall/jobs";
import type { GaugeName, GaugeReader, GaugeValue } from "@rollcall/observability";
import { shareAnswer } from "./shared-answer.ts";

/** Stored with each turn of the alerts by every api process that has a signing secret: other processes cannot know. */
export const webhooksConfigured = { metric: "rollcall_webhooks_configured", labels: {}, value: 1 } as const;

/** Stored likewise by every api process that ignores the header of a proxy. Status and doctor read it too. */
export const forwardedUntrusted = { metric: "rollcall_forwarded_untrusted", labels: {}, value: 1 } as const;

const usersEveryMs = 60_000;
const schemaEveryMs = 10_000;

/** The gauges of the whole system, not of one process. Each reader makes one round trip. */
export function createGaugeReaders(pool: Pool, backend: QueueBackend): GaugeReader[] {
  const countUsers = shareAnswer(usersEveryMs, () => countUsersByState(pool));
  return [
    async () => [gauge("rollcall_workers", await countWorkers(pool))],
    async () => {
      const problems = await pool.schema.check(schemaEveryMs);
      const objects = [...new Set(problems.map(({ object }) => object))];
      return objects.length === 0
        ? [gauge("rollcall_schema_problems", 0, { object: "none" })]
        : objects.map((object) => gauge("rollcall_schema_problems", 1, { object }));
    },
    async () => [gauge("rollcall_conflicts_open", await countOpenConflicts(pool))],
    async () =>
      (await readRunAges(pool)).map(({ mode, seconds }) =>
        gauge("rollcall_reconcile_age_seconds", seconds, { mode }),
      ),
    async () => [gauge("rollcall_webhooks_missed", await countMissedByWebhooks(pool))],
    ...[webhooksConfigured.metric, forwardedUntrusted.metric].map((name) => async () => {
      return [gauge(name, (await hasRecentSample(pool, name)) ? 1 : 0)];
    }),
    async () => {
      const [users, held] = await Promise.all([countUsers(), countHeldDeletions(pool)]);
      const { countedAt: _, ...states } = users ?? { countedAt: null };
      return Object.entries({ ...states, held }).map(([state, value]) =>
        gauge("rollcall_users", value, { state }),
      );
    },
    ...queueNames.map((queue) => () => readQueue(backend, queue)),
    async () =>
      (await countDeadLetters(backend)).map(({ code, count }) =>
        gauge("rollcall_dead_letters", count, { code }),
      ),
    async () => [gauge("rollcall_queue_memory_ratio", (await backend.readMemory()) ?? 0)],
  ];
}

async function readQueue(backend: QueueBackend, queue: QueueName): Promise<GaugeValue[]> {
  const { jobs, oldestUnfinishedAtMs } = await backend.readStats(queue);
  const counts = Object.entries(jobs).map(([state, value]) =>
    gauge("rollcall_queue_jobs", value, { queue, state }),
  );
  // The age means nothing here: dead letters wait for an operator, and the next scheduled job for its time.
  if (queue === "dead-letter" || queue === "reconcile") return counts;
  const ageMs = oldestUnfinishedAtMs === undefined ? 0 : Math.max(0, Date.now() - oldestUnfinishedAtMs);
  return [...counts, gauge("rollcall_queue_oldest_unfinished_seconds", ageMs / 1_000, { queue })];
}

function gauge(name: GaugeName, value: number, labels: GaugeValue["labels"] = {}): GaugeValue {
  return { name, labels, value };
}
