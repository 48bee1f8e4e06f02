import type { MetricName } from "./metrics.ts";

/** Series of one metric: those whose labels match whole, as Prometheus' `=~` does. */
export type SeriesOf = { metric: MetricName; labels?: Readonly<Record<string, string>> };

/**
 * When an alert is due. Sums and rates are over all processes; `windowS` and the like are seconds.
 *
 * - level: the sum (or the highest) of a gauge is above or below a bound
 * - count: more than `above` events within the window
 * - share: more than this share of at least `atLeast` events
 * - mean: the mean of a histogram, of at least `atLeast` observations, is above
 * - quantile: the same of a quantile, of several histograms with the same buckets together
 * - silence: not one event within the window, while each of the levels is above its bound
 * - surge: at least `atLeast` events, and more than `factor` times what the time before would give
 */
export type AlertCondition =
  | { kind: "gauge"; of: SeriesOf; take: "sum" | "max"; above: number }
  | { kind: "gauge"; of: SeriesOf; take: "sum" | "max"; below: number }
  | { kind: "count"; of: SeriesOf; windowS: number; above: number }
  | { kind: "share"; part: SeriesOf; of: SeriesOf; windowS: number; above: number; atLeast: number }
  | { kind: "mean"; of: SeriesOf; windowS: number; above: number; atLeast: number }
  | {
      kind: "quantile";
      of: readonly SeriesOf[];
      quantile: number;
      windowS: number;
      above: number;
      atLeast: number;
    }
  | { kind: "silence"; of: SeriesOf; windowS: number; while: readonly { of: SeriesOf; above: number }[] }
  | { kind: "surge"; of: SeriesOf; windowS: number; beforeS: number; factor: number; atLeast: number };

export type AlertRule = {
  /** Has its section in docs/RUNBOOK.md. */
  name: string;
  /** page: somebody is not served now. ticket: somebody should look today. */
  severity: "page" | "ticket";
  /** For people; no ids, no names. */
  summary: string;
  when: AlertCondition;
  /** The condition must hold for so long. */
  forS: number;
};

const minute = 60;
const hour = 60 * minute;

/** Outcomes of a look that are error codes: the others have no dot. */
const failed = { outcome: "internal|.+[.].+" };
const madeOrFailed = { outcome: "created|linked|internal|.+[.].+" };

/** What ops are told of; the same stand in ops/prometheus-rules.yml, which is made from these. */
export const alertRules = [
  {
    name: "dead_letters",
    severity: "ticket",
    summary: "There are dead letters: somebody may not be served until a person mends and replays them.",
    when: { kind: "gauge", of: { metric: "rollcall_dead_letters" }, take: "sum", above: 0 },
    forS: 0,
  },
  {
    name: "queue_stalled",
    severity: "page",
    summary: "A job has not been finished for more than a minute: users wait.",
    when: {
      kind: "gauge",
      of: { metric: "rollcall_queue_oldest_unfinished_seconds", labels: { queue: "ensure|sync" } },
      take: "max",
      above: 60,
    },
    forS: 30,
  },
  {
    name: "no_worker",
    severity: "page",
    summary: "No worker has said for a minute that it lives: webhooks and logins are taken and wait.",
    when: { kind: "gauge", of: { metric: "rollcall_workers" }, take: "max", below: 1 },
    forS: 30,
  },
  {
    name: "creation_failures",
    severity: "page",
    summary: "More than 1 % of mentorados that should be made or linked fail.",
    when: {
      kind: "share",
      part: { metric: "rollcall_provision_total", labels: failed },
      of: { metric: "rollcall_provision_total", labels: madeOrFailed },
      windowS: 15 * minute,
      above: 0.01,
      atLeast: 20,
    },
    forS: minute,
  },
  {
    name: "creation_slow",
    severity: "page",
    summary: "A look at a user takes more than 5 seconds in the mean.",
    when: {
      kind: "mean",
      of: { metric: "rollcall_provision_seconds" },
      windowS: 15 * minute,
      above: 5,
      atLeast: 20,
    },
    forS: minute,
  },
  {
    name: "api_slow",
    severity: "page",
    summary: "One call in twenty of ensure and webhooks takes more than 2 seconds.",
    when: {
      kind: "quantile",
      of: [{ metric: "rollcall_ensure_seconds" }, { metric: "rollcall_webhook_seconds" }],
      quantile: 0.95,
      windowS: 5 * minute,
      above: 2,
      atLeast: 20,
    },
    forS: minute,
  },
  {
    name: "postgres_errors",
    severity: "page",
    summary: "More than 5 calls of Postgres failed within an hour.",
    when: { kind: "count", of: { metric: "rollcall_postgres_errors_total" }, windowS: hour, above: 5 },
    forS: 0,
  },
  {
    name: "failed_syncs",
    severity: "ticket",
    summary: "More than 10 looks at users failed within a day.",
    when: {
      kind: "count",
      of: { metric: "rollcall_provision_total", labels: failed },
      windowS: 24 * hour,
      above: 10,
    },
    forS: 0,
  },
  {
    name: "reconcile_overdue",
    severity: "ticket",
    summary: "No full reconcile has been complete for 26 hours: lost webhooks may not have been made good.",
    when: {
      kind: "gauge",
      of: { metric: "rollcall_reconcile_age_seconds", labels: { mode: "full" } },
      take: "max",
      above: 26 * hour,
    },
    forS: 5 * minute,
  },
  {
    name: "webhooks_silent",
    severity: "ticket",
    summary: "No webhook has come for an hour, while catch-up finds changes that they should have told of.",
    when: {
      kind: "silence",
      of: { metric: "rollcall_webhooks_total", labels: { outcome: "accepted|ignored|quarantined" } },
      windowS: hour,
      while: [
        { of: { metric: "rollcall_webhooks_missed" }, above: 4 },
        { of: { metric: "rollcall_webhooks_configured" }, above: 0 },
      ],
    },
    forS: 5 * minute,
  },
  {
    name: "sign_ups_unusual",
    severity: "ticket",
    summary: "Far more people sign up than in the day before: a campaign, or a robot.",
    when: {
      kind: "surge",
      of: {
        metric: "rollcall_provision_total",
        labels: { cause: "webhook|ensure", outcome: "created|linked" },
      },
      windowS: hour,
      beforeS: 24 * hour,
      factor: 5,
      atLeast: 50,
    },
    forS: 0,
  },
  {
    name: "deletions_held",
    severity: "ticket",
    summary: "Deletions that Clerk did not sign are too many for a day, and wait for a person.",
    when: {
      kind: "gauge",
      of: { metric: "rollcall_users", labels: { state: "held" } },
      take: "max",
      above: 0,
    },
    forS: 0,
  },
  {
    name: "queue_memory",
    severity: "page",
    summary: "The queues' Redis uses more than 70 % of its memory: when it is full, nothing is accepted.",
    when: { kind: "gauge", of: { metric: "rollcall_queue_memory_ratio" }, take: "max", above: 0.7 },
    forS: minute,
  },
] as const satisfies readonly AlertRule[];
