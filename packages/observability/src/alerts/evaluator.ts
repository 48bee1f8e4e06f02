import { type AlertRule, type LogEvent, withTimeout } from "@rollcall/contracts";
import type { Logger } from "../logger.ts";
import type { GaugeReader, Metrics } from "../metrics.ts";
import {
  evaluateRule,
  listWindows,
  type Observations,
  type Sample,
  type SampleWindow,
} from "./evaluate-rule.ts";
import { type AlertRecord, decideNext, type FiringRecord } from "./next-record.ts";
import {
  type DeliveryRecord,
  findPendingNotification,
  hostOf,
  markSent,
  NotDelivered,
  sendAlertNotification,
} from "./notification.ts";
import type { Recorder } from "./recorder.ts";

/** Where counts, records and the lease of the evaluating process are stored. Every function rejects while it is away. */
export type AlertStore = {
  /** The counts of all processes within each window, in the order of the windows. */
  sumSamples(windows: readonly SampleWindow[]): Promise<Sample[][]>;
  readRecords(names: readonly string[]): Promise<AlertRecord[]>;
  writeRecords(records: readonly AlertRecord[]): Promise<void>;
  /** Adds to the history of firings. The same firing may come again, with its end. */
  writeFirings(firings: readonly FiringRecord[]): Promise<void>;
  writeDelivery(delivery: DeliveryRecord): Promise<void>;
  /** Keeps gauges for the history of the system. */
  keepGauges(gauges: readonly Sample[]): Promise<void>;
  /** Prolongs the lease. False when this process does not hold it any more. */
  holdLease(): Promise<boolean>;
  /** False while another process holds the lease. */
  acquireLease(): Promise<boolean>;
  releaseLease(): Promise<void>;
};

export type EvaluatorOptions = {
  store: AlertStore;
  log: Logger;
  metrics: Pick<Metrics, "count">;
  gauges: readonly GaugeReader[];
  /** This process's own counts, which are evaluated also while they cannot be stored. */
  recorder: Pick<Recorder, "pending">;
  rules: readonly AlertRule[];
  /**
   * How long other processes leave the lease alone after an outage of the store. Only its last holder knows which
   * notifications were sent during the outage.
   */
  graceMs: number;
  /** Undefined: alerts are only in the log. */
  webhookUrl: string | undefined;
};

export type Evaluator = { turn(): Promise<void>; close(): Promise<void> };

const gaugeTimeoutMs = 2_000;

/** Firings that are not stored yet, because the store is away. An outage of days must not fill the memory. */
const mostUnstored = 500;

/**
 * Evaluates the rules, in one process at a time. The lease's holder keeps the records in memory and writes them through.
 * While the store is away no process can take the lease, and the holder goes on with its own counts.
 */
export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { store, log, rules } = options;
  const windows = rules.flatMap(({ when }) => listWindows(when));
  const sums = new Map<string, readonly Sample[]>();
  const records = new Map<string, AlertRecord>();
  /** What an alert names besides its value, from the latest evaluation. */
  const names = new Map<string, readonly string[]>();
  /** Firings, and ends of firings, since the last stored ones. */
  const unstored = new Map<string, FiringRecord>();
  const delivery: DeliveryRecord = {
    host: hostOf(options.webhookUrl),
    lastSentAt: null,
    lastFailedAt: null,
    lastFailureCode: null,
  };
  let holdsLease = false;
  let graceEndsAtMs = 0;

  async function turn(): Promise<void> {
    const isUp = await readSums();
    if (isUp) await takeLease();
    if (!holdsLease) {
      if (!isUp) graceEndsAtMs = Date.now() + options.graceMs;
      return;
    }
    const [gauges, pending] = await Promise.all([readGauges(options.gauges), options.recorder.pending()]);
    evaluateAll({
      gauges,
      countedIn: (window) => [...(sums.get(keyOf(window)) ?? []), ...pickPending(pending, window)],
    });
    await sendAll();
    if (isUp) await storeAll(gauges).catch(() => undefined);
  }

  async function storeAll(gauges: readonly Sample[]): Promise<void> {
    await store.writeRecords([...records.values()]);
    const firings = [...unstored];
    if (firings.length > 0) await store.writeFirings(firings.map(([, firing]) => firing));
    for (const [key] of firings) unstored.delete(key);
    await store.writeDelivery(delivery);
    await store.keepGauges(gauges);
  }

  async function readSums(): Promise<boolean> {
    try {
      const found = await store.sumSamples(windows);
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
      if (holdsLease && (await store.holdLease())) return;
      if (!holdsLease && Date.now() < graceEndsAtMs) return;
      const isTaken = await store.acquireLease();
      // Without the stored records, every notification would be sent again.
      if (isTaken) await readRecords();
      holdsLease = isTaken;
    } catch {
      // The store went away in between, which the next turn sees.
    }
  }

  /** A record in memory that is newer than the stored one stays: this process held the lease before an outage. */
  async function readRecords(): Promise<void> {
    const names = rules.map(({ name }) => name);
    for (const stored of await store.readRecords(names)) {
      const own = records.get(stored.name);
      if (!own || own.evaluatedAt < stored.evaluatedAt) records.set(stored.name, stored);
    }
  }

  function evaluateAll(observations: Observations): void {
    const now = new Date();
    for (const rule of rules) {
      const before = records.get(rule.name);
      const evaluation = evaluateRule(rule.when, observations);
      const next = decideNext(rule, before, evaluation, now);
      if (!next) continue;
      records.set(rule.name, next);
      if (evaluation?.names) names.set(rule.name, evaluation.names);
      report(rule, before, next);
    }
  }

  function report(rule: AlertRule, before: AlertRecord | undefined, next: AlertRecord): void {
    const isFiring = next.state === "firing";
    if (isFiring === (before?.state === "firing")) return;
    noteFiring(next);
    const event: LogEvent = isFiring ? "alert_fired" : "alert_resolved";
    const line = {
      event,
      alert: rule.name,
      severity: rule.severity,
      value: next.value,
      names: names.get(rule.name),
    };
    if (isFiring) log.error(line, rule.summary);
    else log.info(line, "Alert resolved");
  }

  function noteFiring({ name, value, state, firedAt, resolvedAt }: AlertRecord): void {
    if (firedAt === null) return;
    const key = `${name} ${firedAt.getTime()}`;
    const fired = unstored.get(key);
    unstored.set(key, {
      name,
      value: fired?.value ?? value,
      firedAt,
      resolvedAt: state === "firing" ? null : resolvedAt,
    });
    const [oldest] = unstored.keys();
    if (unstored.size > mostUnstored && oldest !== undefined) unstored.delete(oldest);
  }

  async function sendAll(): Promise<void> {
    const url = options.webhookUrl;
    if (url === undefined) return;
    await Promise.all(rules.map((rule) => send(url, rule)));
  }

  /** A notification that fails is sent again in the next turn: at least once, under one id. */
  async function send(url: string, rule: AlertRule): Promise<void> {
    const record = records.get(rule.name);
    const notification = record && findPendingNotification(rule, record, names.get(rule.name));
    if (!notification) return;
    try {
      await sendAlertNotification(url, notification);
      options.metrics.count("rollcall_alert_notifications_total", { result: "sent" });
      delivery.lastSentAt = new Date();
      records.set(rule.name, markSent(record, notification));
    } catch (error) {
      options.metrics.count("rollcall_alert_notifications_total", { result: "failed" });
      delivery.lastFailedAt = new Date();
      delivery.lastFailureCode = error instanceof NotDelivered ? error.code : "internal";
      const event: LogEvent = "alert_not_sent";
      log.warn({ event, alert: rule.name, err: error }, "Alert not sent; trying again");
    }
  }

  return {
    turn,
    close: async () => {
      if (holdsLease) await store.releaseLease().catch(() => undefined);
    },
  };
}

async function readGauges(readers: readonly GaugeReader[]): Promise<Sample[]> {
  const results = await Promise.allSettled(readers.map((read) => withTimeout(read(), gaugeTimeoutMs)));
  return results
    .flatMap((result) => (result.status === "fulfilled" ? result.value : []))
    .map(({ name, labels, value }) => ({ metric: name, labels, value }));
}

/** Pending counts just happened, so they belong to every window that ends now. */
function pickPending(pending: readonly Sample[], { metric, untilS }: SampleWindow): Sample[] {
  return untilS > 0 ? [] : pending.filter((sample) => sample.metric === metric);
}

function keyOf({ metric, fromS, untilS }: SampleWindow): string {
  return `${metric} ${fromS} ${untilS}`;
}
