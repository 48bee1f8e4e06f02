import type { Sample } from "./sample.ts";

/**
 * A quantile out of a histogram's cumulative buckets, as Prometheus estimates it: evenly spread within a bucket,
 * and the highest bound for what is beyond all of them. The buckets of several series are added.
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
