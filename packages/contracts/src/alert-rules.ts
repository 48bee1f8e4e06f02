import { sessionRefusals } from "./ensure.ts";
import type { MetricName } from "./metrics.ts";

/** The series of one metric whose labels match these patterns as a whole, like `=~` in Prometheus. */
export type SeriesOf = { metric: MetricName; labels?: Readonly<Record<string, string>> };

/**
 * When an alert is due. Counts are sums over all processes. Names that end in S are seconds.
 *
 * - gauge: the sum (or the maximum) of a gauge is above or below a bound; `lists` is a label whose values the alert names
 * - count: more than `above` events within the window
 * - share: more than this share of at least `atLeast` events
 * - mean: the mean of a histogram with at least `atLeast` observations is above the bound
 * - quantile: the quantile of several histograms with the same buckets, taken together, is above the bound
 * - silence: no event within the window, while every gauge of `while` is above its bound
 * - surge: at least `atLeast` events, and more than `factor` times the rate of the time before
 */
export type AlertCondition =
  | { kind: "gauge"; of: SeriesOf; take: "sum" | "max"; above: number; lists?: string }
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
  /** `page`: users are affected now. `ticket`: an operator should act today. */
  severity: "page" | "ticket";
  /** For people; without ids and names. */
  summary: string;
  when: AlertCondition;
  /** How long the condition must hold. */
  forS: number;
};

const minute = 60;
const hour = 60 * minute;

/** Outcomes of a sync job that are error codes: `internal`, and every outcome with a dot. */
const failed = { outcome: "internal|.+[.].+" };
/** not_made: the row of a user whose profile is not to be made. In an app without profiles this is every row. */
const madeOrFailed = { outcome: "created|linked|not_made|internal|.+[.].+" };

/**
 * Logins that fail for a reason which a wrong setting gives to many users. A call without any token is no login, so calls
 * of strangers alone fire no alert.
 */
const refusedLogins = [
  `unauthenticated[.](${sessionRefusals.filter((reason) => reason !== "missing").join("|")})`,
  "session[.]no_azp",
  "user[.](unknown|forbidden)",
  "origin_refused",
].join("|");
const logins = `ready|pending|session[.]pending|user[.](banned|deleted)|${refusedLogins}`;

/** When most logins are refused: the condition of the alert, and of the line in the status. */
export const mostLoginsRefused = {
  kind: "share",
  part: { metric: "rollcall_ensure_total", labels: { outcome: refusedLogins } },
  of: { metric: "rollcall_ensure_total", labels: { outcome: logins } },
  windowS: 15 * minute,
  above: 0.5,
  atLeast: 20,
} as const satisfies AlertCondition;

/** The alert rules. ops/prometheus-rules.yml is generated from them. */
export const alertRules = [
  {
    name: "dead_letters",
    severity: "ticket",
    summary:
      "There are dead letters: their users may be out of date until an operator fixes the cause and replays them.",
    when: { kind: "gauge", of: { metric: "rollcall_dead_letters" }, take: "sum", above: 0 },
    forS: 0,
  },
  {
    name: "queue_stalled",
    severity: "page",
    summary: "A job is unfinished for more than a minute: users wait.",
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
    summary: "No worker was alive within the last minute: webhooks and logins are accepted and wait.",
    when: { kind: "gauge", of: { metric: "rollcall_workers" }, take: "max", below: 1 },
    forS: 30,
  },
  {
    name: "creation_failures",
    severity: "page",
    summary:
      "More than 1 % of the profiles that are due, or of the users in an app without profiles, fail to be written.",
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
    summary: "A sync job takes more than 5 seconds on average.",
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
    summary: "More than 5 % of ensure calls and webhooks take longer than 2 seconds.",
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
    name: "answers_unavailable",
    severity: "page",
    summary:
      "More than 1 % of the api's answers are 503: logins fail, and webhooks wait for their next delivery.",
    // Probes of health and metrics would hide the share in a quiet system.
    when: {
      kind: "share",
      part: { metric: "rollcall_http_requests_total", labels: { route: "/api/.+", status: "503" } },
      of: { metric: "rollcall_http_requests_total", labels: { route: "/api/.+" } },
      windowS: 5 * minute,
      above: 0.01,
      atLeast: 20,
    },
    forS: 0,
  },
  {
    name: "logins_refused",
    severity: "page",
    summary: "Most logins are refused: a setting does not fit the app, or a clock is wrong.",
    when: mostLoginsRefused,
    forS: 30,
  },
  {
    name: "postgres_errors",
    severity: "page",
    summary: "More than 5 calls to Postgres failed within an hour.",
    when: { kind: "count", of: { metric: "rollcall_postgres_errors_total" }, windowS: hour, above: 5 },
    forS: 0,
  },
  {
    name: "failed_syncs",
    severity: "ticket",
    summary: "More than 10 attempts to sync users failed in the last 24 hours. This alert ends by itself.",
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
    summary: "No full sync was completed within 26 hours: the effects of lost webhooks may still be there.",
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
    summary:
      "No webhook came within an hour, but the incremental sync finds changes that webhooks should have reported.",
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
    summary: "Far more users sign up than in the day before: a campaign, or bots.",
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
    summary: "More users than usual are missing at Clerk: an admin must confirm their deletion.",
    when: {
      kind: "gauge",
      of: { metric: "rollcall_users", labels: { state: "held" } },
      take: "max",
      above: 0,
    },
    forS: 0,
  },
  {
    name: "schema_changed",
    severity: "page",
    summary: "The app's schema lacks columns, keys or indexes that Rollcall needs: run npx rollcall migrate.",
    when: {
      kind: "gauge",
      of: { metric: "rollcall_schema_problems" },
      take: "sum",
      above: 0,
      lists: "object",
    },
    forS: 0,
  },
  {
    name: "queue_memory",
    severity: "page",
    summary: "The queues' Redis uses more than 70 % of its memory: no new jobs are accepted.",
    when: { kind: "gauge", of: { metric: "rollcall_queue_memory_ratio" }, take: "max", above: 0.7 },
    forS: minute,
  },
  {
    name: "alerts_unsent",
    severity: "page",
    summary: "Alerts are not delivered: ALERT_WEBHOOK_URL does not accept them.",
    when: {
      kind: "count",
      of: { metric: "rollcall_alert_notifications_total", labels: { result: "failed" } },
      windowS: 10 * minute,
      above: 5,
    },
    forS: 0,
  },
] as const satisfies readonly AlertRule[];
