import { addSamples, type Pool } from "@rollcall/db";
import type { Metrics, Sample } from "@rollcall/observability";

/** Carries what this process counts to where all processes' counts are added. */
export type Recorder = {
  /** Counted, and not stored yet. */
  pending(): Promise<Sample[]>;
  /** Stores it. What fails to be stored is pending still. */
  flush(): Promise<void>;
};

/**
 * @param names what is worth carrying
 * @param always stored with each flush, besides what was counted
 */
export function createRecorder(
  pool: Pool,
  metrics: Metrics,
  names: ReadonlySet<string>,
  always: readonly Sample[] = [],
): Recorder {
  let stored = new Map<string, number>();

  const readTotals = async () =>
    (await metrics.readTotals())
      .filter(({ metric }) => names.has(metric))
      .map((total) => ({ ...total, key: keyOf(total) }));
  const toPending = (totals: Awaited<ReturnType<typeof readTotals>>): Sample[] =>
    totals
      .map(({ key, metric, labels, value }) => ({ metric, labels, value: value - (stored.get(key) ?? 0) }))
      .filter(({ value }) => value > 0);

  return {
    pending: async () => toPending(await readTotals()),
    flush: async () => {
      const totals = await readTotals();
      await addSamples(pool, [...toPending(totals), ...always]);
      stored = new Map(totals.map(({ key, value }) => [key, value]));
    },
  };
}

function keyOf({ metric, labels }: Sample): string {
  return `${metric} ${JSON.stringify(labels)}`;
}
