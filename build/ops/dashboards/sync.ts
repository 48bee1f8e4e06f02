import { perSecond, quantile } from "../promql.ts";
import type { DashboardSpec } from "./dashboard.ts";

export const sync: DashboardSpec = {
  name: "sync",
  title: "sync",
  description: "Logins and sync jobs: how many, how quick, and what failed.",
  rows: [
    {
      title: "Logins",
      panels: [
        {
          title: "Seconds to answer a login, by where the rows were",
          unit: "s",
          look: "lines",
          help: "95 of 100 are quicker. `queue` is slow: workers or Clerk. `row`: Postgres. `cache`: Redis.",
          runbook: "api_slow",
          queries: [
            { expr: quantile(0.95, "rollcall_ensure_seconds", { by: ["path"] }), legend: "{{path}}" },
          ],
        },
        {
          title: "Logins that are not ready",
          unit: "reqps",
          look: "bars",
          help: "`pending`: the app asks again. A code: its section. `unauthenticated`: see its table of reasons.",
          runbook: "logins_refused",
          queries: [
            {
              expr: perSecond("rollcall_ensure_total", {
                where: { outcome: "pending|origin_refused|internal|.+[.].+" },
                by: ["outcome"],
              }),
              legend: "{{outcome}}",
            },
          ],
        },
        {
          title: "Reads of the session cache",
          unit: "ops",
          look: "bars",
          help: "Mostly `hit`, with Redis. Only `miss`: Redis is away, or SESSION_CACHE_TTL_S is short. `incomplete`: a sync job repairs the profile.",
          runbook: "queueunavailable",
          queries: [
            { expr: perSecond("rollcall_session_cache_total", { by: ["result"] }), legend: "{{result}}" },
          ],
        },
      ],
    },
    {
      title: "Sync jobs",
      panels: [
        {
          title: "Finished by outcome",
          unit: "ops",
          look: "bars",
          help: "`kept` and `present` are usual. Codes with a dot, and `internal`, are failures: each has its section.",
          runbook: "creation_failures",
          queries: [
            { expr: perSecond("rollcall_provision_total", { by: ["outcome"] }), legend: "{{outcome}}" },
          ],
        },
        {
          title: "Organizations and memberships, finished by outcome",
          unit: "ops",
          look: "bars",
          help: "Empty while the mapping has no organizations. `written` and `unchanged` are usual. Codes with a dot, and `internal`, are failures: each has its section.",
          runbook: "failed_syncs",
          queries: [
            {
              expr: perSecond("rollcall_organization_syncs_total", { by: ["kind", "outcome"] }),
              legend: "{{kind}} {{outcome}}",
            },
          ],
        },
        {
          title: "Finished by cause",
          unit: "ops",
          look: "bars",
          help: "`webhook` and `ensure` are usual. Much `reconcile`: webhooks are lost. Much `replay`: an operator replays dead letters.",
          runbook: "webhooks_silent",
          queries: [{ expr: perSecond("rollcall_provision_total", { by: ["cause"] }), legend: "{{cause}}" }],
        },
        {
          title: "Failures by code",
          unit: "ops",
          look: "bars",
          help: "None is good. `user.rejected`: one user's data. Others concern a service: follow the section of the code.",
          runbook: "failed_syncs",
          queries: [
            {
              expr: perSecond("rollcall_provision_total", {
                where: { outcome: "internal|.+[.].+" },
                by: ["outcome"],
              }),
              legend: "{{outcome}}",
            },
          ],
        },
        {
          title: "Seconds from a job's start to its commit",
          unit: "s",
          look: "lines",
          help: "Clerk's answer takes most of it. Above 5 s: Clerk is slow, or rows are locked.",
          runbook: "creation_slow",
          queries: [0.5, 0.95, 0.99].map((share) => ({
            expr: quantile(share, "rollcall_provision_seconds"),
            legend: `${share * 100} %`,
          })),
        },
      ],
    },
    {
      title: "Clerk and Postgres",
      panels: [
        {
          title: "Requests to Clerk by status",
          unit: "reqps",
          look: "bars",
          help: "Mostly 200. 429: the limit, see CLERK_RATE_BUDGET. 401: the key. `timeout` and `network`: Clerk, or the way to it.",
          runbook: "clerkrate_limited",
          queries: [
            { expr: perSecond("rollcall_clerk_requests_total", { by: ["status"] }), legend: "{{status}}" },
          ],
        },
        {
          title: "Errors of Postgres by code",
          unit: "ops",
          look: "bars",
          help: "None is good. `connection`: no server answers. 53300: too many connections. Others: SQLSTATE.",
          runbook: "postgres_errors",
          queries: [
            { expr: perSecond("rollcall_postgres_errors_total", { by: ["code"] }), legend: "{{code}}" },
          ],
        },
        {
          title: "Fields at Clerk that could not be read",
          unit: "ops",
          look: "bars",
          help: "None is good. The field was left out and the rest written: correct it at Clerk.",
          runbook: "fields-at-clerk-cannot-be-read",
          queries: [
            {
              expr: perSecond("rollcall_clerk_unreadable_fields_total", { by: ["field"] }),
              legend: "{{field}}",
            },
          ],
        },
      ],
    },
  ],
};
