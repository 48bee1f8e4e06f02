/** The processes with a metrics route. */
export type MetricProcess = "api" | "worker";

type MetricEntry = {
  type: "counter" | "gauge" | "histogram";
  help: string;
  labels: readonly string[];
  /** The processes that fill it. Other processes leave it out. */
  in: readonly MetricProcess[];
  /** Upper bounds in the metric's unit, for histograms. */
  buckets?: readonly number[];
};

const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5] as const;
const lagSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 90, 300, 3600, 86_400] as const;

/** Every metric that Rollcall exposes. No label ever holds an id, a name or an email. */
export const metricTable = {
  rollcall_webhooks_total: {
    type: "counter",
    help: "Webhook deliveries answered, by Clerk event type (other: ignored, or refused before it was read) and outcome; refused: signed by no configured secret.",
    labels: ["type", "outcome"],
    in: ["api"],
  },
  rollcall_webhook_seconds: {
    type: "histogram",
    help: "Seconds from a webhook's arrival to its answer.",
    labels: [],
    in: ["api"],
    buckets: requestSeconds,
  },
  rollcall_ensure_total: {
    type: "counter",
    help: "Ensure calls answered, by outcome: ready, pending, or an error code; unauthenticated has the reason after a dot. origin_refused: preflights of an origin that CORS refuses.",
    labels: ["outcome"],
    in: ["api"],
  },
  rollcall_ensure_seconds: {
    type: "histogram",
    help: "Seconds to answer an ensure call, by path: cache, row (the row existed), or queue (a sync job was needed).",
    labels: ["path"],
    in: ["api"],
    buckets: requestSeconds,
  },
  rollcall_provision_total: {
    type: "counter",
    help: "Finished sync jobs, by cause and outcome.",
    labels: ["cause", "outcome"],
    in: ["worker"],
  },
  rollcall_organization_syncs_total: {
    type: "counter",
    help: "Finished jobs about organizations and memberships, by kind, cause and outcome.",
    labels: ["kind", "cause", "outcome"],
    in: ["worker"],
  },
  rollcall_provision_seconds: {
    type: "histogram",
    help: "Seconds from the start of a sync job to its commit.",
    labels: [],
    in: ["worker"],
    buckets: [...requestSeconds, 10, 30],
  },
  rollcall_sync_lag_seconds: {
    type: "histogram",
    help: "Seconds from the event at Clerk (or the ensure call) to the commit of its effect, by a sync job or the incremental sync.",
    labels: [],
    in: ["worker"],
    buckets: lagSeconds,
  },
  rollcall_queue_jobs: {
    type: "gauge",
    help: "Jobs in a queue, by state: waiting, active, delayed, failed, completed. With Postgres queues at most 100,000 of a state are counted.",
    labels: ["queue", "state"],
    in: ["api"],
  },
  rollcall_queue_oldest_unfinished_seconds: {
    type: "gauge",
    help: "Seconds since the oldest unfinished job was queued; 0 without unfinished jobs.",
    labels: ["queue"],
    in: ["api"],
  },
  rollcall_queue_memory_ratio: {
    type: "gauge",
    help: "Share of its maxmemory that the queues' Redis uses; 0 without such a limit and with Postgres queues.",
    labels: [],
    in: ["api"],
  },
  rollcall_dead_letters: {
    type: "gauge",
    help: "Dead letters, by error code; other: unreadable, or older than the newest 5,000.",
    labels: ["code"],
    in: ["api"],
  },
  rollcall_session_cache_total: {
    type: "counter",
    help: "Reads of the session cache, by result: hit, miss, incomplete (a user without a profile).",
    labels: ["result"],
    in: ["api"],
  },
  rollcall_http_requests_total: {
    type: "counter",
    help: "HTTP requests answered, by route (unknown: none matched, or the answer was made before one), status, and error code (empty: no error).",
    labels: ["route", "status", "code"],
    in: ["api", "worker"],
  },
  rollcall_clerk_requests_total: {
    type: "counter",
    help: "Requests to Clerk's Backend API, by HTTP status (timeout, network and unreadable for no usable answer).",
    labels: ["status"],
    in: ["api", "worker"],
  },
  rollcall_clerk_unreadable_fields_total: {
    type: "counter",
    help: "Fields of users at Clerk that had an unexpected form and were left out, by field.",
    labels: ["field"],
    in: ["api", "worker"],
  },
  rollcall_postgres_errors_total: {
    type: "counter",
    help: "Postgres calls that failed and would fail for every user, by SQLSTATE, or connection for no answer. A refused row counts as a failed sync job instead.",
    labels: ["code"],
    in: ["api", "worker"],
  },
  rollcall_reconcile_age_seconds: {
    type: "gauge",
    help: "Seconds since the last complete reconcile run of a mode; before the first one, since the tables were created.",
    labels: ["mode"],
    in: ["api"],
  },
  rollcall_reconcile_drift_total: {
    type: "counter",
    help: "Differences that reconcile found: missing_row, older_row, missing_profile, released (a held deletion), extra_row; and missing, older, released and extra with _organization or _membership.",
    labels: ["kind"],
    in: ["worker"],
  },
  rollcall_users: {
    type: "gauge",
    help: "Rows of users, by state: live, banned, deleted; and held: rows whose deletion waits for confirmation, organizations and memberships included. Counted once a minute.",
    labels: ["state"],
    in: ["api"],
  },
  rollcall_conflicts_open: {
    type: "gauge",
    help: "Conflicts that wait for an operator.",
    labels: [],
    in: ["api"],
  },
  rollcall_webhooks_configured: {
    type: "gauge",
    help: "1 while an api process runs that has a webhook signing secret.",
    labels: [],
    in: ["api"],
  },
  rollcall_forwarded_untrusted: {
    type: "gauge",
    help: "1 while an api process got X-Forwarded-For within the last hour although TRUST_PROXY is unset.",
    labels: [],
    in: ["api"],
  },
  rollcall_webhooks_missed: {
    type: "gauge",
    help: "Changes that the incremental sync found within the last hour although a webhook should have reported them.",
    labels: [],
    in: ["api"],
  },
  rollcall_schema_problems: {
    type: "gauge",
    help: "1 for each table, column, key or index of ours that the app's schema lacks or has in another form, by its name; 0 for none.",
    labels: ["object"],
    in: ["api"],
  },
  rollcall_alert_notifications_total: {
    type: "counter",
    help: "Attempts to send an alert to ALERT_WEBHOOK_URL, by result: sent, failed.",
    labels: ["result"],
    in: ["api", "worker"],
  },
  rollcall_telemetry_lost_total: {
    type: "counter",
    help: "Spans (traces), log lines (logs) and sendings of metrics that the OpenTelemetry collector did not take in time, by signal.",
    labels: ["signal"],
    in: ["api", "worker"],
  },
  rollcall_bulk_users_total: {
    type: "counter",
    help: "Users of bulk changes, by action (tier, refresh) and outcome: done, failed, skipped (deleted meanwhile).",
    labels: ["action", "outcome"],
    in: ["worker"],
  },
  rollcall_exported_users_total: {
    type: "counter",
    help: "Users in exports, by format and outcome of the export: whole, aborted, failed.",
    labels: ["format", "outcome"],
    in: ["api"],
  },
  rollcall_workers: {
    type: "gauge",
    help: "Worker processes that were alive within the last minute.",
    labels: [],
    in: ["api"],
  },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof metricTable;
