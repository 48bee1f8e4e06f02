import type { AlertCondition, SeriesOf } from "@rollcall/contracts";
import { select } from "./promql.ts";

/** The condition of an alert rule in PromQL. Each api process exports the gauges of the whole system; the maximum counts. */
export function writeExpression(when: AlertCondition): string {
  switch (when.kind) {
    case "gauge": {
      const shown = `max without (instance, job, pod) (${choose(when.of)})`;
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
        when.of.map((of) => `increase(${choose(suffixed(of, suffix))}[${when.windowS}s])`).join(" or ");
      const value = `histogram_quantile(${when.quantile}, sum by (le) (${range("bucket")}))`;
      return `${value} > ${when.above} and on () sum(${range("count")}) >= ${when.atLeast}`;
    }
    case "silence": {
      const conditions = when.while.map(({ of, above }) => `max(${choose(of)}) > ${above}`);
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

function choose({ metric, labels }: Named): string {
  return select(metric, labels);
}

function increase(series: Named, windowS: number, offsetS = 0): string {
  const offset = offsetS === 0 ? "" : ` offset ${offsetS}s`;
  return `sum(increase(${choose(series)}[${windowS}s]${offset}))`;
}
