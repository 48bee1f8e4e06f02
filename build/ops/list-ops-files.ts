import { alertRules } from "@rollcall/contracts";
import { writeDashboard } from "./dashboards/dashboard.ts";
import { overview } from "./dashboards/overview.ts";
import { queues } from "./dashboards/queues.ts";
import { reconcile } from "./dashboards/reconcile.ts";
import { sync } from "./dashboards/sync.ts";
import { webhooks } from "./dashboards/webhooks.ts";
import { objectives } from "./objectives.ts";
import { writePrometheusRules } from "./prometheus-rules.ts";

export const dashboards = [overview, webhooks, sync, reconcile, queues];

/** The files that are made from the tables of contracts: their text by their path from the root of the repository. */
export function listOpsFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["ops/prometheus-rules.yml", writePrometheusRules(alertRules, objectives)],
    ...dashboards.map(
      (spec) =>
        [`ops/grafana/${spec.name}.json`, `${JSON.stringify(writeDashboard(spec), null, 2)}\n`] as const,
    ),
  ]);
}
