type MetricEntry = {
  type: "counter" | "gauge" | "histogram";
  help: string;
  labels: readonly string[];
  /** Upper bounds in the metric's unit, for histograms. */
  buckets?: readonly number[];
};

const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5] as const;
const lagSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600, 86_400] as const;

/** Every metric that Rollcall exposes. No label ever holds an id, a name or an email. */
export const metricTable = {
  rollcall_webhooks_total: {
    type: "counter",
    help: "Webhook deliveries answered, by Clerk event type (other: a type we do not act on) and outcome.",
    labels: ["type", "outcome"],
  },
  rollcall_webhook_seconds: {
    type: "histogram",
    help: "Seconds from a webhook's arrival to its answer.",
    labels: [],
    buckets: requestSeconds,
  },
  rollcall_ensure_total: {
    type: "counter",
    help: "Ensure calls answered, by outcome.",
    labels: ["outcome"],
  },
  rollcall_ensure_seconds: {
    type: "histogram",
    help: "Seconds to answer an ensure call, by path: cache, row (already there), or queue (had to be made).",
    labels: ["path"],
    buckets: requestSeconds,
  },
  rollcall_provision_total: {
    type: "counter",
    help: "Finished looks at one user, by cause of the nudge and outcome.",
    labels: ["cause", "outcome"],
  },
  rollcall_provision_seconds: {
    type: "histogram",
    help: "Seconds from the start of a look at one user to its commit.",
    labels: [],
    buckets: [...requestSeconds, 10, 30],
  },
  rollcall_sync_lag_seconds: {
    type: "histogram",
    help: "Seconds from the event at Clerk (or the ensure call) to the commit of its effect.",
    labels: [],
    buckets: lagSeconds,
  },
  rollcall_queue_jobs: {
    type: "gauge",
    help: "Jobs in a queue, by state.",
    labels: ["queue", "state"],
  },
  rollcall_session_cache_total: {
    type: "counter",
    help: "Reads of the session cache, by result: hit, miss, incomplete (a user without a profile).",
    labels: ["result"],
  },
  rollcall_clerk_requests_total: {
    type: "counter",
    help: "Requests to Clerk's Backend API, by HTTP status (timeout, network and unreadable for no usable answer).",
    labels: ["status"],
  },
  rollcall_postgres_errors_total: {
    type: "counter",
    help: "Failed Postgres calls, by SQLSTATE, or connection for no answer.",
    labels: ["code"],
  },
  rollcall_reconcile_age_seconds: {
    type: "gauge",
    help: "Seconds since the last complete reconcile run of a mode; while there was none, since the tables were made.",
    labels: ["mode"],
  },
  rollcall_reconcile_drift_total: {
    type: "counter",
    help: "Differences that reconcile found: missing_row, older_row, missing_profile, released (a held deletion), extra_row.",
    labels: ["kind"],
  },
  rollcall_workers: {
    type: "gauge",
    help: "Worker processes that were alive within the last minute.",
    labels: [],
  },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof metricTable;
