import type { AlertRule, LogEvent } from "@rollcall/contracts";
import { withTimeout } from "@rollcall/contracts";
import {
  acquireLease,
  holdLease,
  type Lease,
  type Pool,
  readAlerts,
  releaseLease,
  sumSamples,
  writeAlerts,
} from "@rollcall/db";
import type { Logger } from "@rollcall/observability";
import {
  type AlertRecord,
  decideNext,
  type Figures,
  findPendingNotification,
  judge,
  listWindows,
  markSent,
  type Sample,
  type SampleWindow,
  sendAlertNotification,
} from "@rollcall/observability";
import type { GaugeReader } from "../gauges.ts";
import type { Recorder } from "./recorder.ts";

export type AlertContext = {
  pool: Pool;
  log: Logger;
  figures: readonly GaugeReader[];
  /** This process's own counts, which are looked at also while they cannot be stored. */
  recorder: Pick<Recorder, "pending">;
  rules: readonly AlertRule[];
  /** Whoever holds this lease judges; see rollcall.leases. */
  lease: string;
  leaseMs: number;
  /** After an outage of Postgres its last holder, who alone knows what was told meanwhile, has so long to take it back. */
  graceMs: number;
  /** Unset: alerts stand in the log alone. */
  webhookUrl: string | undefined;
};

export type Evaluator = { turn(): Promise<void>; close(): Promise<void> };

const gaugeTimeoutMs = 2_000;

/**
 * Judges the rules, one process at a time. What alerts came to is kept in memory by the lease's holder and written
 * through: while Postgres is away nobody can take the lease, and its holder goes on with what it counts itself.
 */
export function createEvaluator(context: AlertContext): Evaluator {
  const { pool, log, rules } = context;
  const windows = rules.flatMap(({ when }) => listWindows(when));
  const sums = new Map<string, readonly Sample[]>();
  const records = new Map<string, AlertRecord>();
  let lease: Lease | undefined;
  let quietUntilMs = 0;

  async function turn(): Promise<void> {
    const isUp = await readSums();
    if (isUp) await takeLease();
    if (!lease) {
      if (!isUp) quietUntilMs = Date.now() + context.graceMs;
      return;
    }
    const [levels, pending] = await Promise.all([readLevels(context.figures), context.recorder.pending()]);
    evaluateAll({
      levels,
      counted: (window) => [...(sums.get(keyOf(window)) ?? []), ...pickOf(pending, window)],
    });
    await tellAll();
    if (isUp) await writeAlerts(pool, [...records.values()]).catch(() => undefined);
  }

  async function readSums(): Promise<boolean> {
    try {
      const found = await sumSamples(pool, windows);
      found.forEach((samples, index) => {
        const window = windows[index];
        if (window) sums.set(keyOf(window), samples);
      });
      return true;
    } catch {
      return false;
    }
  }

  async function takeLease(): Promise<void> {
    try {
      if (lease && (await holdLease(pool, lease))) return;
      if (!lease && Date.now() < quietUntilMs) return;
      const taken = await acquireLease(pool, context.lease, context.leaseMs);
      // Without what was told so far all of it would be told again.
      if (taken) await readRecords();
      lease = taken;
    } catch {
      // Postgres went just now: the next turn sees it away.
    }
  }

  /** Who had the lease before an outage knows more than what is stored, unless somebody else had it meanwhile. */
  async function readRecords(): Promise<void> {
    const names = rules.map(({ name }) => name);
    for (const stored of await readAlerts(pool, names)) {
      const own = records.get(stored.name);
      if (!own || own.evaluatedAt < stored.evaluatedAt) records.set(stored.name, stored);
    }
  }

  function evaluateAll(figures: Figures): void {
    const now = new Date();
    for (const rule of rules) {
      const before = records.get(rule.name);
      const next = decideNext(rule, before, judge(rule.when, figures), now);
      if (!next) continue;
      records.set(rule.name, next);
      report(rule, before, next);
    }
  }

  function report(rule: AlertRule, before: AlertRecord | undefined, next: AlertRecord): void {
    const isFiring = next.state === "firing";
    if (isFiring === (before?.state === "firing")) return;
    const event: LogEvent = isFiring ? "alert_fired" : "alert_resolved";
    const line = { event, alert: rule.name, severity: rule.severity, value: next.value };
    if (isFiring) log.error(line, rule.summary);
    else log.info(line, "An alert's cause is gone");
  }

  async function tellAll(): Promise<void> {
    const url = context.webhookUrl;
    if (url === undefined) return;
    await Promise.all(rules.map((rule) => tell(url, rule)));
  }

  /** What fails is told again in the next turn: at least once, under one id. */
  async function tell(url: string, rule: AlertRule): Promise<void> {
    const record = records.get(rule.name);
    const notification = record && findPendingNotification(rule, record);
    if (!notification) return;
    try {
      await sendAlertNotification(url, notification);
      records.set(rule.name, markSent(record, notification));
    } catch (error) {
      const event: LogEvent = "alert_not_sent";
      log.warn({ event, alert: rule.name, err: error }, "An alert could not be told; trying again");
    }
  }

  return {
    turn,
    close: async () => {
      if (lease) await releaseLease(pool, lease).catch(() => undefined);
    },
  };
}

async function readLevels(figures: readonly GaugeReader[]): Promise<Sample[]> {
  const read = await Promise.allSettled(figures.map((ask) => withTimeout(ask(), gaugeTimeoutMs)));
  return read
    .flatMap((result) => (result.status === "fulfilled" ? result.value : []))
    .map(({ name, labels, value }) => ({ metric: name, labels, value }));
}

/** What is not stored yet has happened just now, and belongs to windows that end now. */
function pickOf(pending: readonly Sample[], { metric, untilS }: SampleWindow): Sample[] {
  return untilS > 0 ? [] : pending.filter((sample) => sample.metric === metric);
}

function keyOf({ metric, fromS, untilS }: SampleWindow): string {
  return `${metric} ${fromS} ${untilS}`;
}
