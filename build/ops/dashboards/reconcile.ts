import { level, perSecond } from "../promql.ts";
import type { DashboardSpec } from "./dashboard.ts";

export const reconcile: DashboardSpec = {
  name: "reconcile",
  title: "reconcile",
  description: "Whether the syncs run, and what they had to repair.",
  rows: [
    {
      title: "Age",
      panels: [
        {
          title: "Since the last full sync",
          unit: "s",
          look: "number",
          help: "A day at most, by default. Above 26 h: `npx rollcall runs` shows why the last one failed.",
          runbook: "reconcile_overdue",
          queries: [
            { expr: level("rollcall_reconcile_age_seconds", { where: { mode: "full" } }), legend: "full" },
          ],
          red: { from: 26 * 3_600 },
        },
        {
          title: "Since the last incremental sync",
          unit: "s",
          look: "number",
          help: "About a minute at most. Above 90 s: a change whose webhook is lost waits. See `npx rollcall runs`.",
          runbook: "incremental_sync_objective",
          queries: [
            {
              expr: level("rollcall_reconcile_age_seconds", { where: { mode: "catch-up" } }),
              legend: "incremental",
            },
          ],
          red: { from: 90 },
        },
        {
          title: "Deletions that wait for an admin",
          unit: "short",
          look: "number",
          help: "0 is good. Otherwise more users than usual are missing at Clerk: check the key before you confirm.",
          runbook: "deletions_held",
          queries: [{ expr: level("rollcall_users", { where: { state: "held" } }), legend: "held" }],
          red: { from: 1 },
        },
        {
          title: "Changes that no webhook reported",
          unit: "short",
          look: "number",
          help: "Within the last hour. Many while webhooks arrive: one event is not selected at Clerk's endpoint.",
          runbook: "webhooks_silent",
          queries: [{ expr: level("rollcall_webhooks_missed"), legend: "missed" }],
          red: { from: 5 },
        },
        {
          title: "Age of the incremental sync",
          unit: "s",
          look: "lines",
          help: "A saw whose teeth are a minute high. A line that only rises: it fails, or no worker runs.",
          runbook: "incremental_sync_objective",
          queries: [
            {
              expr: level("rollcall_reconcile_age_seconds", { where: { mode: "catch-up" } }),
              legend: "incremental",
            },
          ],
        },
        {
          title: "Age of the full sync",
          unit: "s",
          look: "lines",
          help: "Falls to 0 once a night. If it does not, the run failed or was cancelled.",
          runbook: "reconcile_overdue",
          queries: [
            { expr: level("rollcall_reconcile_age_seconds", { where: { mode: "full" } }), legend: "full" },
          ],
        },
      ],
    },
    {
      title: "Repairs",
      panels: [
        {
          title: "Differences found",
          unit: "ops",
          look: "bars",
          help: "Few is good. `missing_row` and `older_row`: lost webhooks. `missing_profile`: the app deletes profiles. `extra_row`: users that Clerk lacks.",
          runbook: "webhooks_silent",
          queries: [
            { expr: perSecond("rollcall_reconcile_drift_total", { by: ["kind"] }), legend: "{{kind}}" },
          ],
        },
        {
          title: "Users written, by outcome",
          unit: "ops",
          look: "bars",
          help: "A code is a failure: `npx rollcall runs` names the user and the reason.",
          runbook: "failed_syncs",
          queries: [
            {
              expr: perSecond("rollcall_provision_total", { where: { cause: "reconcile" }, by: ["outcome"] }),
              legend: "{{outcome}}",
            },
          ],
        },
        {
          title: "Requests that Clerk refused",
          unit: "reqps",
          look: "bars",
          help: "None is good. 429 during a full sync: lower CLERK_RATE_BUDGET, because the app shares the limit.",
          runbook: "clerkrate_limited",
          queries: [
            {
              expr: perSecond("rollcall_clerk_requests_total", {
                where: { status: "[^2].+" },
                by: ["status"],
              }),
              legend: "{{status}}",
            },
          ],
        },
      ],
    },
  ],
};
