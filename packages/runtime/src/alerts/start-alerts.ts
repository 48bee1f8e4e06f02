import { alertRules } from "@rollcall/contracts";
import { type Pool, pruneSamples } from "@rollcall/db";
import type { Logger, Metrics } from "@rollcall/observability";
import { listRecorded, type Sample } from "@rollcall/observability";
import { countPostgresError } from "@rollcall/sync";
import type { GaugeReader } from "../gauges.ts";
import { createEvaluator } from "./evaluator.ts";
import { createRecorder } from "./recorder.ts";

const everyMs = 10_000;
/** Longer than a turn whose questions all time out. */
const leaseMs = 60_000;
/** Two turns, and what one takes in which Postgres is just coming back. */
const graceMs = 30_000;
/** The longest window, and the one before it. */
const keepHours = 26;
const pruneEveryTurns = 60;

export type AlertsOptions = {
  pool: Pool;
  log: Logger;
  metrics: Metrics;
  figures: readonly GaugeReader[];
  webhookUrl: string | undefined;
  /** What this process tells the others of itself with each turn. */
  always?: readonly Sample[];
};

/**
 * Stores what this process counts every 10 s, and judges the alert rules when no other process does.
 *
 * @returns stops it, after a last store
 */
export function startAlerts(options: AlertsOptions): () => Promise<void> {
  const { pool, log } = options;
  const recorder = createRecorder(pool, options.metrics, listRecorded(alertRules), options.always);
  const evaluator = createEvaluator({
    ...options,
    recorder,
    rules: alertRules,
    lease: "alerts",
    leaseMs,
    graceMs,
  });
  let turns = 0;
  let running: Promise<void> | undefined;

  async function turn(): Promise<void> {
    await recorder.flush().catch(countFailure);
    await evaluator.turn();
    if (turns++ % pruneEveryTurns === 0) await pruneSamples(pool, keepHours);
  }

  /** Also where nobody logs in, somebody must notification that Postgres is away. */
  function countFailure(error: unknown): void {
    countPostgresError(options.metrics, error);
  }

  const run = () => {
    running ??= turn()
      .catch((error: unknown) => log.warn({ task: "alerts", err: error }, "A task failed; trying again"))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(run, everyMs);
  run();
  return async () => {
    clearInterval(timer);
    await running;
    await recorder.flush().catch(() => undefined);
    await evaluator.close();
  };
}
