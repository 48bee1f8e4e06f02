import { alertRules } from "@rollcall/contracts";
import {
  acquireLease,
  addSamples,
  holdLease,
  keepPeaks,
  type Lease,
  type Pool,
  pruneSamples,
  readAlerts,
  releaseLease,
  sumSamples,
  writeAlerts,
  writeDelivery,
  writeFirings,
} from "@rollcall/db";
import {
  type AlertStore,
  createEvaluator,
  createRecorder,
  listRecorded,
  type Sample,
} from "@rollcall/observability";
import { countPostgresError } from "@rollcall/sync";
import type { Services } from "./open-services.ts";
import { startPeriodicTask } from "./periodic-task.ts";

const everyMs = 10_000;
/** Longer than a turn in which every query times out. */
const leaseMs = 60_000;
/** Two turns, and the time of one in which Postgres is just coming back. */
const graceMs = 30_000;
const pruneEveryTurns = 60;

/** What the overview shows over time, besides what the rules need. */
const shownCounters = ["rollcall_sync_lag_seconds_bucket"];
/** The overview's gauge with a history. */
export const queueAgeGauge = "rollcall_queue_oldest_unfinished_seconds";

export type AlertsOptions = Pick<Services, "pool" | "log" | "metrics" | "gauges"> & {
  webhookUrl: string | undefined;
  /** Stored with each turn, besides what this process counts. */
  always?: () => readonly Sample[];
};

/**
 * Stores every 10 s what this process counts, and evaluates the alert rules while no other process does.
 *
 * @returns stops it, after the counts are stored once more
 */
export function startAlerts(options: AlertsOptions): () => Promise<void> {
  const { pool, metrics, always } = options;
  const add = (samples: readonly Sample[]) => addSamples(pool, samples);
  const counters = new Set([...listRecorded(alertRules), ...shownCounters]);
  const recorder = createRecorder(add, metrics, counters, always);
  const evaluator = createEvaluator({
    ...options,
    store: createAlertStore(pool, "alerts", leaseMs),
    recorder,
    rules: alertRules,
    graceMs,
  });
  let turns = 0;
  const stop = startPeriodicTask(options, { name: "alerts", everyMs, startsAtOnce: true }, async () => {
    // Counted here, because in a quiet process no other query may fail while Postgres is away.
    await recorder.flush().catch((error: unknown) => countPostgresError(metrics, error));
    await evaluator.turn();
    if (turns++ % pruneEveryTurns === 0) await pruneSamples(pool);
  });
  return async () => {
    await stop();
    await recorder.flush().catch(() => undefined);
    await evaluator.close();
  };
}

/** The alert store in Postgres. @param leaseName the row of rollcall.leases that the evaluating process holds */
export function createAlertStore(pool: Pool, leaseName: string, durationMs: number): AlertStore {
  let lease: Lease | undefined;
  return {
    sumSamples: (windows) => sumSamples(pool, windows),
    readRecords: (names) => readAlerts(pool, names),
    writeRecords: (records) => writeAlerts(pool, records),
    writeFirings: (firings) => writeFirings(pool, firings),
    writeDelivery: (delivery) => writeDelivery(pool, delivery),
    keepGauges: (gauges) =>
      keepPeaks(
        pool,
        gauges.filter(({ metric }) => metric === queueAgeGauge),
      ),
    holdLease: async () => lease !== undefined && (await holdLease(pool, lease)),
    acquireLease: async () => {
      lease = await acquireLease(pool, leaseName, durationMs, { outlivesServer: true });
      return lease !== undefined;
    },
    releaseLease: async () => {
      if (lease) await releaseLease(pool, lease);
    },
  };
}
