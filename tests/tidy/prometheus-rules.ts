import type { AlertCondition, AlertRule, SeriesOf } from "@rollcall/contracts";

/** Writes the alert rules as Prometheus rules, so that both have one source. */
export function writePrometheusRules(rules: readonly AlertRule[]): string {
  const lines = rules.flatMap((rule) => [
    `      - alert: rollcall_${rule.name}`,
    `        expr: ${JSON.stringify(writeExpression(rule.when))}`,
    ...(rule.forS > 0 ? [`        for: ${rule.forS}s`] : []),
    "        labels:",
    `          severity: ${rule.severity}`,
    "        annotations:",
    `          summary: ${JSON.stringify(writeSummary(rule))}`,
    `          runbook: ${JSON.stringify(`docs/RUNBOOK.md#${rule.name}`)}`,
  ]);
  return [
    "# Made from packages/contracts/src/alert-rules.ts: change them there, then",
    "# npx vitest run --project tidy tests/tidy/alerts.test.ts -u",
    "groups:",
    "  - name: rollcall",
    "    rules:",
    ...lines,
    "",
  ].join("\n");
}

function writeSummary({ summary, when }: AlertRule): string {
  return "lists" in when && when.lists ? `${summary} {{ $labels.${when.lists} }}` : summary;
}

// Every api process exports the gauges of the whole system, so the maximum by label is the value.
function writeExpression(when: AlertCondition): string {
  switch (when.kind) {
    case "gauge": {
      const shown = `max without (instance, job, pod) (${select(when.of)})`;
      // One alert for each series, so that each names its own.
      if ("lists" in when && when.lists) return `${when.take} by (${when.lists}) (${shown}) > ${when.above}`;
      return `${when.take}(${shown}) ${"above" in when ? `> ${when.above}` : `< ${when.below}`}`;
    }
    case "count":
      return `${increase(when.of, when.windowS)} > ${when.above}`;
    case "share": {
      const [part, all] = [increase(when.part, when.windowS), increase(when.of, when.windowS)];
      return `${part} / ${all} > ${when.above} and ${all} >= ${when.atLeast}`;
    }
    case "mean": {
      const [sum, count] = [suffixed(when.of, "sum"), suffixed(when.of, "count")];
      const observed = increase(count, when.windowS);
      return `${increase(sum, when.windowS)} / ${observed} > ${when.above} and ${observed} >= ${when.atLeast}`;
    }
    case "quantile": {
      const range = (suffix: string) =>
        when.of.map((of) => `increase(${select(suffixed(of, suffix))}[${when.windowS}s])`).join(" or ");
      const value = `histogram_quantile(${when.quantile}, sum by (le) (${range("bucket")}))`;
      return `${value} > ${when.above} and on () sum(${range("count")}) >= ${when.atLeast}`;
    }
    case "silence": {
      const conditions = when.while.map(({ of, above }) => `max(${select(of)}) > ${above}`);
      // A process that has just started has no series yet, which is silence too.
      return `((${increase(when.of, when.windowS)} or vector(0)) == 0) and on () ${conditions.join(" and on () ")}`;
    }
    case "surge": {
      const now = increase(when.of, when.windowS);
      const before = increase(when.of, when.beforeS, when.windowS);
      const usual = `(${before} or vector(0)) * ${when.windowS} / ${when.beforeS}`;
      return `${now} >= ${when.atLeast} and ${now} > ${when.factor} * ${usual}`;
    }
    default:
      return when satisfies never;
  }
}

type Named = { metric: string; labels?: SeriesOf["labels"] };

function suffixed({ metric, labels }: SeriesOf, suffix: string): Named {
  return { metric: `${metric}_${suffix}`, ...(labels && { labels }) };
}

function select({ metric, labels = {} }: Named): string {
  const matchers = Object.entries(labels).map(([name, pattern]) => `${name}=~${JSON.stringify(pattern)}`);
  return matchers.length === 0 ? metric : `${metric}{${matchers.join(",")}}`;
}

function increase(series: Named, windowS: number, offsetS = 0): string {
  const offset = offsetS === 0 ? "" : ` offset ${offsetS}s`;
  return `sum(increase(${select(series)}[${windowS}s]${offset}))`;
}
