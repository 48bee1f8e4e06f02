import { type MetricName, metricTable } from "@rollcall/contracts";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { withinMs } from "../time-limit.ts";

type NameOf<Type extends string> = {
  [Name in MetricName]: (typeof metricTable)[Name]["type"] extends Type ? Name : never;
}[MetricName];

type LabelsOf<Name extends MetricName> = Record<(typeof metricTable)[Name]["labels"][number], string>;

/** Well below the 10 s after which Prometheus gives up on a scrape. */
const refreshLimitMs = 1_000;

/** The metrics of the contract's table, typed by it: a wrong name or label does not compile. */
export type Metrics = {
  count<Name extends NameOf<"counter">>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  observe<Name extends NameOf<"histogram">>(name: Name, labels: LabelsOf<Name>, value: number): void;
  set<Name extends NameOf<"gauge">>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /** Runs `refresh` at the start of each scrape, for gauges that are only worth knowing then. */
  beforeScrape(refresh: () => Promise<void>): void;
  /** Prometheus' text format, and its content type. */
  scrape(): Promise<{ contentType: string; text: string }>;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const refreshers: (() => Promise<void>)[] = [];

  for (const [name, { type, help, labels, ...rest }] of Object.entries(metricTable)) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === "counter") counters.set(name, new Counter(options));
    else if (type === "gauge") gauges.set(name, new Gauge(options));
    else
      histograms.set(
        name,
        new Histogram({ ...options, ...("buckets" in rest && { buckets: [...rest.buckets] }) }),
      );
  }

  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
    observe: (name, labels, value) => histograms.get(name)?.observe(labels, value),
    set: (name, labels, value) => gauges.get(name)?.set(labels, value),
    beforeScrape: (refresh) => refreshers.push(refresh),
    scrape: async () => {
      // A refresher whose database is away or frozen leaves its gauges as they were: an outage is when somebody
      // looks, so the scrape itself must neither fail nor hang.
      await Promise.allSettled(refreshers.map((refresh) => withinMs(refreshLimitMs, refresh())));
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
