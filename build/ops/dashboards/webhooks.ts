import {
  abovePerSecond,
  increase,
  level,
  observedPerSecond,
  orNone,
  perSecond,
  quantile,
} from "../promql.ts";
import type { DashboardSpec } from "./dashboard.ts";

export const webhooks: DashboardSpec = {
  name: "webhooks",
  title: "webhooks",
  description: "What Clerk delivers, how it is answered, and what never arrives.",
  rows: [
    {
      title: "Now",
      panels: [
        {
          title: "Answered within 1 s",
          unit: "percentunit",
          look: "number",
          help: "Share of the last hour, of all answers. Below 99 %: the queue is slow, or a caller sends its bodies slowly.",
          runbook: "webhook_objective",
          queries: [
            {
              expr: `1 - (${abovePerSecond("rollcall_webhook_seconds", 1, { over: "1h" })}) / (${observedPerSecond("rollcall_webhook_seconds", { over: "1h" })} > 0)`,
              legend: "within 1 s",
            },
          ],
          red: { below: 0.99 },
        },
        {
          title: "Changes that no webhook reported",
          unit: "short",
          look: "number",
          help: "Found by the incremental sync within the last hour. Some are normal. Many: the endpoint's address or secret at Clerk is wrong.",
          runbook: "webhooks_silent",
          queries: [{ expr: level("rollcall_webhooks_missed"), legend: "missed" }],
          red: { from: 5 },
        },
        {
          title: "Refused in the time shown",
          unit: "short",
          look: "number",
          help: "Signed by none of the secrets. A few are strangers. As many as Clerk sends: the signing secret is wrong.",
          runbook: "webhookinvalid_signature",
          queries: [
            {
              expr: orNone(increase("rollcall_webhooks_total", { where: { outcome: "refused" } })),
              legend: "refused",
            },
          ],
        },
        {
          title: "Unreadable deliveries that wait",
          unit: "short",
          look: "number",
          help: "0 is good. Their signature is right, and their content unknown: look at them, then discard them.",
          runbook: "webhookunreadable",
          queries: [
            {
              expr: orNone(level("rollcall_dead_letters", { where: { code: "webhook[.]unreadable" } })),
              legend: "unreadable",
            },
          ],
          red: { from: 1 },
        },
      ],
    },
    {
      title: "Deliveries",
      panels: [
        {
          title: "Deliveries by outcome",
          unit: "reqps",
          look: "bars",
          help: "Mostly `accepted`. `unavailable`: the queue took no job, and Clerk repeats. `refused_timestamp`: this machine's clock is wrong.",
          runbook: "webhook_objective",
          queries: [
            { expr: perSecond("rollcall_webhooks_total", { by: ["outcome"] }), legend: "{{outcome}}" },
          ],
        },
        {
          title: "Accepted deliveries by event",
          unit: "reqps",
          look: "bars",
          help: "An event that is missing although users sign up or log in: it is not selected at Clerk's endpoint.",
          runbook: "webhooks_silent",
          queries: [
            {
              expr: perSecond("rollcall_webhooks_total", { where: { outcome: "accepted" }, by: ["type"] }),
              legend: "{{type}}",
            },
          ],
        },
        {
          title: "Seconds to answer",
          unit: "s",
          look: "lines",
          help: "Milliseconds are usual. The answer waits for the queue: above 1 s look at Redis or Postgres. At 1.8 s it is 503.",
          runbook: "queueunavailable",
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: quantile(share, "rollcall_webhook_seconds"),
            legend: `${share * 100} %`,
          })),
        },
        {
          title: "Seconds from the event at Clerk to the rows",
          unit: "s",
          look: "lines",
          help: "Below a second with webhooks, up to 90 s without. Higher: the queue waits, or an outage is being made up for.",
          runbook: "change_objective",
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: quantile(share, "rollcall_sync_lag_seconds"),
            legend: `${share * 100} %`,
          })),
        },
      ],
    },
  ],
};
