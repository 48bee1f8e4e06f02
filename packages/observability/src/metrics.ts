import { type MetricName, type MetricProcess, metricTable, withTimeout } from "@rollcall/contracts";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

type NameOf<Type extends string> = {
  [Name in MetricName]: (typeof metricTable)[Name]["type"] extends Type ? Name : never;
}[MetricName];

export type GaugeName = NameOf<"gauge">;

type LabelsOf<Name extends MetricName> = Record<(typeof metricTable)[Name]["labels"][number], string>;

/** Well below 10 s, after which Prometheus abandons a scrape. */
const refreshLimitMs = 1_000;

/** The metrics of the contract's table, typed by it, so a wrong name or label does not compile. */
export type Metrics = {
  count<Name extends NameOf<"counter">>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  observe<Name extends NameOf<"histogram">>(name: Name, labels: LabelsOf<Name>, value: number): void;
  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /**
   * Calls `read` at the start of each scrape. A gauge in its answer then has the answered values and no others. While
   * `read` fails, its gauges keep their values.
   */
  readAtScrape(read: GaugeReader): void;
  /** The present values of all counters, and of histograms as Prometheus shows them: buckets, sum and count. */
  readTotals(): Promise<Total[]>;
  /** The metrics in Prometheus' text format. */
  scrape(): Promise<{ contentType: string; text: string }>;
};

type Total = { metric: string; labels: Readonly<Record<string, string>>; value: number };

export type GaugeValue = { name: GaugeName; labels: Readonly<Record<string, string>>; value: number };

/** Reads gauges that belong together. Rejects while their source is away. */
export type GaugeReader = () => Promise<GaugeValue[]>;

/** @param process that fills the metrics: metrics of other processes are left out */
export function createMetrics(process: MetricProcess): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const readers: GaugeReader[] = [];

  for (const [name, { type, help, labels, in: processes, ...rest }] of Object.entries(metricTable)) {
    if (!processes.some((filler) => filler === process)) continue;
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === "counter") counters.set(name, new Counter(options));
    else if (type === "gauge") gauges.set(name, new Gauge(options));
    else
      histograms.set(
        name,
        new Histogram({ ...options, ...("buckets" in rest && { buckets: [...rest.buckets] }) }),
      );
  }

  async function refresh(read: GaugeReader, seen: Set<string>): Promise<void> {
    for (const { name, labels, value } of await withTimeout(read(), refreshLimitMs)) {
      if (!seen.has(name)) gauges.get(name)?.reset();
      seen.add(name);
      gauges.get(name)?.set(labels, value);
    }
  }

  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
    observe: (name, labels, value) => histograms.get(name)?.observe(labels, value),
    set: (name, labels, value) => gauges.get(name)?.set(labels, value),
    readTotals: async () => {
      const all = await Promise.all([...counters.values(), ...histograms.values()].map((one) => one.get()));
      return all.flatMap(({ name, values }) => values.map((value) => toTotal(name, value)));
    },
    readAtScrape: (read) => readers.push(read),
    scrape: async () => {
      const seen = new Set<string>();
      // During an outage operators need the metrics most, so a source that is away must neither fail nor delay a scrape.
      await Promise.allSettled(readers.map((read) => refresh(read, seen)));
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** A histogram's values have their own names, and its bounds are numbers. */
function toTotal(
  name: string,
  { labels, value, ...rest }: { labels: Partial<Record<string, string | number>>; value: number },
): Total {
  const metric = "metricName" in rest && typeof rest.metricName === "string" ? rest.metricName : name;
  const texts = Object.entries(labels).map(([label, text]) => [label, String(text)]);
  return { metric, labels: Object.fromEntries(texts), value };
}
