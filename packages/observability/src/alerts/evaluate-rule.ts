import type { AlertCondition, AlertRule, SeriesOf } from "@rollcall/contracts";

/** One series with its value: a gauge, or the sum of a counter within a window. */
export type Sample = { metric: string; labels: Readonly<Record<string, string>>; value: number };

/** A window of time. It began `fromS` seconds ago and ended `untilS` seconds ago. */
export type SampleWindow = { metric: string; fromS: number; untilS: number };

/** The values that a rule is evaluated over. */
export type Observations = {
  /** The present gauges, without those that could not be read. */
  gauges: readonly Sample[];
  /** The counts of all processes together within a window. */
  countedIn(window: SampleWindow): readonly Sample[];
};

export type Evaluation = {
  holds: boolean;
  value: number | null;
  /** The values of the label that the rule lists, of the series that are above the bound. */
  names?: readonly string[];
};

/** Whether a condition holds, and the value that was compared. Undefined when a gauge that it needs was not read. */
export function evaluateRule(condition: AlertCondition, observations: Observations): Evaluation | undefined {
  switch (condition.kind) {
    case "gauge": {
      const value = readGauge(condition.of, condition.take, observations);
      if (value === undefined) return undefined;
      if ("below" in condition) return { holds: value < condition.below, value };
      const { lists, above } = condition;
      const names = lists && select(condition.of, observations.gauges).filter((one) => one.value > above);
      return {
        holds: value > above,
        value,
        ...(names && { names: names.map(({ labels }) => labels[lists ?? ""] ?? "").toSorted() }),
      };
    }
    case "count": {
      const value = count(condition.of, condition, observations);
      return { holds: value > condition.above, value };
    }
    case "share": {
      const all = count(condition.of, condition, observations);
      const share = all === 0 ? 0 : count(condition.part, condition, observations) / all;
      return { holds: all >= condition.atLeast && share > condition.above, value: share };
    }
    case "mean": {
      const observed = count(part(condition.of, "count"), condition, observations);
      const sumOf = part(condition.of, "sum");
      const mean = observed === 0 ? 0 : count(sumOf, condition, observations) / observed;
      return { holds: observed >= condition.atLeast && mean > condition.above, value: mean };
    }
    case "quantile": {
      const buckets = condition.of.flatMap((series) => list(part(series, "bucket"), condition, observations));
      const { observed, value } = estimateQuantile(buckets, condition.quantile);
      return { holds: observed >= condition.atLeast && value > condition.above, value };
    }
    case "silence": {
      const gauges = condition.while.map(({ of, above }) => ({
        value: readGauge(of, "max", observations),
        above,
      }));
      if (gauges.some(({ value }) => value === undefined)) return undefined;
      const value = count(condition.of, condition, observations);
      return { holds: value === 0 && gauges.every((gauge) => (gauge.value ?? 0) > gauge.above), value };
    }
    case "surge": {
      const { windowS, beforeS, factor, atLeast } = condition;
      const now = count(condition.of, condition, observations);
      const before = sum(
        select(
          condition.of,
          observations.countedIn({ metric: condition.of.metric, ...rangeBefore(condition) }),
        ),
      );
      const usual = (before * windowS) / beforeS;
      return { holds: now >= atLeast && now > factor * usual, value: now };
    }
    default:
      return condition satisfies never;
  }
}

/**
 * Estimates a quantile from a histogram's cumulative buckets as Prometheus does: evenly spread within a bucket, and the
 * highest bound for values beyond all bounds. Buckets of several series are added.
 */
export function estimateQuantile(
  buckets: readonly Sample[],
  quantile: number,
): { observed: number; value: number } {
  const totals = new Map<number, number>();
  for (const { labels, value } of buckets) {
    const bound = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
    totals.set(bound, (totals.get(bound) ?? 0) + value);
  }
  const bounds = [...totals].sort(([a], [b]) => a - b);
  const observed = bounds.at(-1)?.[1] ?? 0;
  const rank = quantile * observed;
  let below = { bound: 0, count: 0 };
  for (const [bound, count] of bounds) {
    if (count >= rank && count > below.count) {
      if (bound === Number.POSITIVE_INFINITY) return { observed, value: below.bound };
      const share = (rank - below.count) / (count - below.count);
      return { observed, value: below.bound + share * (bound - below.bound) };
    }
    below = { bound, count };
  }
  return { observed, value: 0 };
}

/** The windows that a condition needs, so that all windows can be read at once. */
export function listWindows(condition: AlertCondition): SampleWindow[] {
  switch (condition.kind) {
    case "gauge":
      return [];
    case "count":
    case "silence":
      return [windowOf(condition.of, condition)];
    case "share":
      return [windowOf(condition.part, condition), windowOf(condition.of, condition)];
    case "mean":
      return [
        windowOf(part(condition.of, "count"), condition),
        windowOf(part(condition.of, "sum"), condition),
      ];
    case "quantile":
      return condition.of.map((series) => windowOf(part(series, "bucket"), condition));
    case "surge":
      return [windowOf(condition.of, condition), { metric: condition.of.metric, ...rangeBefore(condition) }];
    default:
      return condition satisfies never;
  }
}

/** The counters that the rules read over windows. */
export function listRecorded(rules: readonly AlertRule[]): Set<string> {
  return new Set(rules.flatMap(({ when }) => listWindows(when)).map(({ metric }) => metric));
}

/** A series that is counted. For a histogram, `metric` is the name of one of its own counters. */
type Counted = { metric: string; labels?: SeriesOf["labels"] };

function part({ metric, labels }: SeriesOf, suffix: "bucket" | "sum" | "count"): Counted {
  return { metric: `${metric}_${suffix}`, ...(labels && { labels }) };
}

function windowOf(series: Counted, { windowS }: { windowS: number }): SampleWindow {
  return { metric: series.metric, fromS: windowS, untilS: 0 };
}

function rangeBefore({ windowS, beforeS }: { windowS: number; beforeS: number }) {
  return { fromS: windowS + beforeS, untilS: windowS };
}

function list(series: Counted, window: { windowS: number }, observations: Observations): Sample[] {
  return select(series, observations.countedIn(windowOf(series, window)));
}

function count(series: Counted, window: { windowS: number }, observations: Observations): number {
  return sum(list(series, window, observations));
}

function readGauge(series: SeriesOf, take: "sum" | "max", { gauges }: Observations): number | undefined {
  const found = select(series, gauges);
  if (found.length === 0) return undefined;
  return take === "sum" ? sum(found) : Math.max(...found.map(({ value }) => value));
}

function select({ metric, labels = {} }: Counted, samples: readonly Sample[]): Sample[] {
  const patterns = Object.entries(labels).map(
    ([name, pattern]) => [name, new RegExp(`^(?:${pattern})$`)] as const,
  );
  return samples.filter(
    (sample) =>
      sample.metric === metric &&
      patterns.every(([name, pattern]) => pattern.test(sample.labels[name] ?? "")),
  );
}

function sum(samples: readonly Sample[]): number {
  return samples.reduce((total, { value }) => total + value, 0);
}
