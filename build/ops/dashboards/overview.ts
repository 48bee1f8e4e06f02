import { eventsRecord, missedRecord, objectives, ratioRecord, target } from "../objectives.ts";
import { level, levelSum, orNone, perSecond, quantile } from "../promql.ts";
import type { DashboardSpec } from "./dashboard.ts";
import type { PanelSpec } from "./panel.ts";

const share = (missed: string, events: string) => `1 - ${missed} / (${events} > 0)`;
const over = (record: string, time: string, of = "") => `sum_over_time(${record}${of}[${time}])`;

const kept: PanelSpec[] = objectives.map(({ name, title }) => {
  const of = `{objective="${name}"}`;
  return {
    title,
    unit: "percentunit",
    look: "number",
    help: `Share within the time shown. The objective is ${target * 100} %. Red: open the runbook's section of this objective.`,
    runbook: `${name}_objective`,
    queries: [
      {
        expr: share(over(missedRecord, "$__range", of), over(eventsRecord, "$__range", of)),
        legend: title,
      },
    ],
    red: { below: target },
  };
});

const budget = share(over(missedRecord, "30d"), over(eventsRecord, "30d"));

export const overview: DashboardSpec = {
  name: "overview",
  title: "overview",
  description: "Whether the promises are kept, and where to look when they are not.",
  rows: [
    {
      title: "Objectives",
      panels: [
        ...kept,
        {
          title: "Budget left of 30 days",
          unit: "percentunit",
          look: "lines",
          help: "100 % is untouched, 0 is spent, and below 0 the objective is missed. A line that falls steeply: open the section of its objective. Prometheus must keep 30 days.",
          runbook: "objectives",
          queries: [{ expr: `1 - (1 - (${budget})) / ${(1 - target).toFixed(2)}`, legend: "{{objective}}" }],
        },
        {
          title: "How fast the budget burns",
          unit: "short",
          look: "lines",
          help: "Share of misses within an hour, divided by what is allowed. Above 14.4 an alert fires; above 1 for days, the budget will not last.",
          runbook: "objectives",
          queries: [{ expr: `${ratioRecord("1h")} / ${(1 - target).toFixed(2)}`, legend: "{{objective}}" }],
        },
      ],
    },
    {
      title: "Now",
      panels: [
        {
          title: "Alerts that fire",
          unit: "short",
          look: "number",
          help: "0 is good. Prometheus' list of alerts names them, and each has its section.",
          runbook: "alerts",
          queries: [
            {
              expr: orNone(
                'count(count by (alertname) (ALERTS{alertname=~"rollcall_.+",alertstate="firing"}))',
              ),
              legend: "alerts",
            },
          ],
          red: { from: 1 },
        },
        {
          title: "Workers alive",
          unit: "short",
          look: "number",
          help: "As many as you run. 0: webhooks and logins are accepted and wait; start a worker.",
          runbook: "no_worker",
          queries: [{ expr: level("rollcall_workers"), legend: "workers" }],
          red: { below: 1 },
        },
        {
          title: "Dead letters",
          unit: "short",
          look: "number",
          help: "0 is good. Otherwise users may be out of date: fix the cause that their code names, then replay them.",
          runbook: "dead_letters",
          queries: [{ expr: levelSum("rollcall_dead_letters"), legend: "dead letters" }],
          red: { from: 1 },
        },
        {
          title: "Oldest unfinished job",
          unit: "s",
          look: "number",
          help: "Below a second is usual. Above 60 s users wait: look at the dashboard Queues.",
          runbook: "queue_stalled",
          queries: [
            {
              expr: level("rollcall_queue_oldest_unfinished_seconds", { by: ["queue"] }),
              legend: "{{queue}}",
            },
          ],
          red: { from: 60 },
        },
      ],
    },
    {
      title: "Traffic",
      panels: [
        {
          title: "Logins by result",
          unit: "reqps",
          look: "bars",
          help: "Mostly `ready`. Many `pending`: workers or Clerk are slow. A code: its section. `unauthenticated` and `origin_refused`: a setting does not fit the app.",
          runbook: "login_objective",
          queries: [{ expr: perSecond("rollcall_ensure_total", { by: ["outcome"] }), legend: "{{outcome}}" }],
        },
        {
          title: "Seconds to answer a login",
          unit: "s",
          look: "lines",
          help: "95 of 100 answers are quicker. At 2 s answers turn `pending`: the dashboard Sync shows which part is slow.",
          runbook: "api_slow",
          queries: [{ expr: quantile(0.95, "rollcall_ensure_seconds"), legend: "95 %" }],
        },
        {
          title: "Profiles made or linked",
          unit: "ops",
          look: "bars",
          help: "By cause. Far more than usual: a campaign, or bots. Many by `reconcile`: webhooks are lost.",
          runbook: "sign_ups_unusual",
          queries: [
            {
              expr: perSecond("rollcall_provision_total", {
                where: { outcome: "created|linked" },
                by: ["cause"],
              }),
              legend: "{{cause}}",
            },
          ],
        },
        {
          title: "Users by state",
          unit: "short",
          look: "lines",
          help: "`live` should follow Clerk's count. `held` above 0: an admin must confirm deletions.",
          runbook: "deletions_held",
          queries: [{ expr: level("rollcall_users", { by: ["state"] }), legend: "{{state}}" }],
        },
        {
          title: "Answers by status",
          unit: "reqps",
          look: "bars",
          help: "More than 1 % of 503: logins fail. The panel of errors names the route and the code.",
          runbook: "answers_unavailable",
          queries: [
            { expr: perSecond("rollcall_http_requests_total", { by: ["status"] }), legend: "{{status}}" },
          ],
        },
        {
          title: "Errors by route and code",
          unit: "reqps",
          look: "bars",
          help: "Every answer with an error code. Each code has its section.",
          runbook: "answers_unavailable",
          queries: [
            {
              expr: perSecond("rollcall_http_requests_total", {
                where: { code: ".+" },
                by: ["route", "code"],
              }),
              legend: "{{route}} {{code}}",
            },
          ],
        },
      ],
    },
    {
      title: "Setup",
      panels: [
        {
          title: "Webhooks are configured",
          unit: "bool_yes_no",
          look: "number",
          help: "No: no api has a signing secret. Changes then wait for the incremental sync, up to 90 s.",
          runbook: "webhooknot_configured",
          queries: [{ expr: level("rollcall_webhooks_configured"), legend: "configured" }],
        },
        {
          title: "Problems of the app's schema",
          unit: "short",
          look: "number",
          help: "0 is good. Otherwise columns, keys or indexes are missing: run `npx rollcall migrate`.",
          runbook: "schema_changed",
          queries: [{ expr: levelSum("rollcall_schema_problems"), legend: "problems" }],
          red: { from: 1 },
        },
        {
          title: "An untrusted proxy forwards",
          unit: "bool_yes_no",
          look: "number",
          help: "Yes behind a proxy: all callers share one limit, so set TRUST_PROXY.",
          runbook: "rollcall-status-reports-x-forwarded-for",
          queries: [{ expr: level("rollcall_forwarded_untrusted"), legend: "forwarded" }],
          red: { from: 1 },
        },
        {
          title: "Conflicts that wait",
          unit: "short",
          look: "number",
          help: "0 is good. Otherwise a person decides whose profile it is: `npx rollcall conflicts`.",
          runbook: "conflicts",
          queries: [{ expr: level("rollcall_conflicts_open"), legend: "conflicts" }],
          red: { from: 1 },
        },
        {
          title: "Alerts sent by Rollcall itself",
          unit: "ops",
          look: "bars",
          help: "To ALERT_WEBHOOK_URL. `failed`: its receiver does not accept them.",
          runbook: "alerts_unsent",
          queries: [
            {
              expr: perSecond("rollcall_alert_notifications_total", { by: ["result"] }),
              legend: "{{result}}",
            },
          ],
        },
        {
          title: "Telemetry that the collector did not take",
          unit: "ops",
          look: "bars",
          help: "None is good. The collector is away, slow or full: traces and logs have gaps, and users notice nothing.",
          runbook: "telemetry-is-lost",
          queries: [
            {
              expr: perSecond("rollcall_telemetry_lost_total", { by: ["signal"] }),
              legend: "{{signal}}",
            },
          ],
        },
      ],
    },
  ],
};
