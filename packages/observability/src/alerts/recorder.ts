import type { Metrics } from "../metrics.ts";
import type { Sample } from "./evaluate-rule.ts";

/** Adds what this process counts to the sums over all processes. */
export type Recorder = {
  /** The counts that are not stored yet. */
  pending(): Promise<Sample[]>;
  /** Stores the pending counts. After a failure they are still pending. */
  flush(): Promise<void>;
};

/**
 * @param addSamples adds to the stored sums
 * @param names the counters to record
 * @param always stored with each flush, besides the counters
 */
export function createRecorder(
  addSamples: (samples: readonly Sample[]) => Promise<void>,
  metrics: Pick<Metrics, "readTotals">,
  names: ReadonlySet<string>,
  always: () => readonly Sample[] = () => [],
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
      await addSamples([...toPending(totals), ...always()]);
      stored = new Map(totals.map(({ key, value }) => [key, value]));
    },
  };
}

function keyOf({ metric, labels }: Sample): string {
  return `${metric} ${JSON.stringify(labels)}`;
}
