import type { AlertCondition, AlertRule, SeriesOf } from "@rollcall/contracts";
import { estimateQuantile } from "./quantile.ts";
import type { Sample, SampleWindow } from "./sample.ts";

/** What a condition looks at. */
export type Figures = {
  /** Gauges as they are now; one that could not be read is not among them. */
  levels: readonly Sample[];
  /** What was counted within a window, over all processes. */
  counted(window: SampleWindow): readonly Sample[];
};

export type Verdict = { holds: boolean; value: number | null };

/** Whether a condition holds, and the value that was compared. Undefined when its figures could not be read. */
export function judge(condition: AlertCondition, figures: Figures): Verdict | undefined {
  switch (condition.kind) {
    case "level": {
      const value = readLevel(condition.of, condition.take, figures);
      if (value === undefined) return undefined;
      return { holds: "above" in condition ? value > condition.above : value < condition.below, value };
    }
    case "count": {
      const value = count(condition.of, condition, figures);
      return { holds: value > condition.above, value };
    }
    case "share": {
      const all = count(condition.of, condition, figures);
      const share = all === 0 ? 0 : count(condition.part, condition, figures) / all;
      return { holds: all >= condition.atLeast && share > condition.above, value: share };
    }
    case "mean": {
      const observed = count(part(condition.of, "count"), condition, figures);
      const mean = observed === 0 ? 0 : count(part(condition.of, "sum"), condition, figures) / observed;
      return { holds: observed >= condition.atLeast && mean > condition.above, value: mean };
    }
    case "quantile": {
      const buckets = condition.of.flatMap((series) => list(part(series, "bucket"), condition, figures));
      const { observed, value } = estimateQuantile(buckets, condition.quantile);
      return { holds: observed >= condition.atLeast && value > condition.above, value };
    }
    case "silence": {
      const levels = condition.while.map(({ of, above }) => ({
        value: readLevel(of, "max", figures),
        above,
      }));
      if (levels.some(({ value }) => value === undefined)) return undefined;
      const value = count(condition.of, condition, figures);
      return { holds: value === 0 && levels.every((level) => (level.value ?? 0) > level.above), value };
    }
    case "surge": {
      const { windowS, beforeS, factor, atLeast } = condition;
      const now = count(condition.of, condition, figures);
      const before = sum(
        select(condition.of, figures.counted({ ...atMetric(condition.of), ...rangeBefore(condition) })),
      );
      const usual = (before * windowS) / beforeS;
      return { holds: now >= atLeast && now > factor * usual, value: now };
    }
    default:
      return condition satisfies never;
  }
}

/** The windows that a condition asks for, so that all of them can be read at once. */
export function listWindows(condition: AlertCondition): SampleWindow[] {
  switch (condition.kind) {
    case "level":
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
      return [windowOf(condition.of, condition), { ...atMetric(condition.of), ...rangeBefore(condition) }];
    default:
      return condition satisfies never;
  }
}

/** The counters that the rules look back at. */
export function listRecorded(rules: readonly AlertRule[]): Set<string> {
  return new Set(rules.flatMap(({ when }) => listWindows(when)).map(({ metric }) => metric));
}

/** A series of a histogram's own counters; `metric` is no name of the table any more. */
type Counted = { metric: string; labels?: SeriesOf["labels"] };

function part({ metric, labels }: SeriesOf, suffix: "bucket" | "sum" | "count"): Counted {
  return { metric: `${metric}_${suffix}`, ...(labels && { labels }) };
}

function atMetric({ metric }: Counted): { metric: string } {
  return { metric };
}

function windowOf(series: Counted, { windowS }: { windowS: number }): SampleWindow {
  return { ...atMetric(series), fromS: windowS, untilS: 0 };
}

function rangeBefore({ windowS, beforeS }: { windowS: number; beforeS: number }) {
  return { fromS: windowS + beforeS, untilS: windowS };
}

function list(series: Counted, window: { windowS: number }, figures: Figures): Sample[] {
  return select(series, figures.counted(windowOf(series, window)));
}

function count(series: Counted, window: { windowS: number }, figures: Figures): number {
  return sum(list(series, window, figures));
}

function readLevel(series: SeriesOf, take: "sum" | "max", { levels }: Figures): number | undefined {
  const found = select(series, levels);
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
