import { type MetricName, type MetricProcess, metricTable, withTimeout } from "@rollcall/contracts";
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  type MetricObjectWithValues,
  type OpenMetricsContentType,
  type MetricValue as PromValue,
  Registry,
} from "prom-client";
import type { Tracing } from "./tracing.ts";

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
  readTotals(): Promise<MetricValue[]>;
  /** The metrics in Prometheus' text format, or in OpenMetrics, which alone has exemplars. */
  scrape(format?: "prometheus" | "openmetrics"): Promise<{ contentType: string; text: string }>;
  /** The metrics of that page as values, for OpenTelemetry. */
  collect(): Promise<MetricSnapshot[]>;
};

/** A metric with all its values. A histogram has a value for each bucket, whose label `le` is its bound, a sum and a count. */
export type MetricSnapshot = {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  values: MetricValue[];
};

/** `metric` is the name of the value: `…_bucket`, `…_sum` and `…_count` in a histogram. */
export type MetricValue = { metric: string; labels: Readonly<Record<string, string>>; value: number };

export type GaugeValue = { name: GaugeName; labels: Readonly<Record<string, string>>; value: number };

/** Reads gauges that belong together. Rejects while their source is away. */
export type GaugeReader = () => Promise<GaugeValue[]>;

/**
 * @param process that fills the metrics: metrics of other processes are left out
 * @param tracing the span that is active at an observation becomes its exemplar
 */
export function createMetrics(process: MetricProcess, tracing?: Tracing): Metrics {
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
    else {
      const histogram = new Histogram({
        ...options,
        ...("buckets" in rest && { buckets: [...rest.buckets] }),
        enableExemplars: tracing !== undefined,
        // prom-client refuses exemplars in a registry of the older format, which leaves them out anyway.
        registers: [],
      });
      registry.registerMetric(histogram);
      histograms.set(name, histogram);
    }
  }
  const openMetrics = createOpenMetrics(registry);

  async function refresh(read: GaugeReader, seen: Set<string>): Promise<void> {
    for (const { name, labels, value } of await withTimeout(read(), refreshLimitMs)) {
      if (!seen.has(name)) gauges.get(name)?.reset();
      seen.add(name);
      gauges.get(name)?.set(labels, value);
    }
  }

  // During an outage operators need the metrics most, so a source that is away must neither fail nor delay a scrape.
  async function refreshAll(): Promise<void> {
    const seen = new Set<string>();
    await Promise.allSettled(readers.map((read) => refresh(read, seen)));
  }

  return {
    count: (name, labels, by = 1) => counters.get(name)?.inc(labels, by),
    observe: (name, labels, value) => {
      const histogram = histograms.get(name);
      if (!tracing) histogram?.observe(labels, value);
      else histogram?.observe({ labels, value, exemplarLabels: nameExemplar(tracing) });
    },
    set: (name, labels, value) => gauges.get(name)?.set(labels, value),
    readTotals: async () => {
      const all = await Promise.all([...counters.values(), ...histograms.values()].map((one) => one.get()));
      return all.flatMap(({ name, values }) => values.map((value) => toValue(name, value)));
    },
    readAtScrape: (read) => readers.push(read),
    scrape: async (format = "prometheus") => {
      await refreshAll();
      const page = format === "prometheus" ? registry : openMetrics;
      return { contentType: page.contentType, text: await page.metrics() };
    },
    collect: async () => {
      await refreshAll();
      return (await registry.getMetricsAsJSON()).map(toSnapshot);
    },
  };
}

/**
 * A page of the same metrics in OpenMetrics. prom-client writes only in the format of a registry, and for OpenMetrics it
 * changes the names of counters. So this registry has objects of its own, which have everything else from the metrics.
 */
function createOpenMetrics(registry: Registry): Registry<OpenMetricsContentType> {
  const page = new Registry<OpenMetricsContentType>();
  page.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const { name } of registry.getMetricsAsArray()) {
    const metric = registry.getSingleMetric(name);
    if (!metric) continue;
    // Not the metric as a prototype: V8 then slows each count.
    const own = { ...metric, name, get: read, getForPromString: read };
    page.registerMetric(own as unknown as Metric);
    async function read() {
      const values =
        metric && "getForPromString" in metric ? (metric.getForPromString as Metric["get"]) : metric?.get;
      return { ...(await values?.call(metric)), name: own.name };
    }
  }
  return page;
}

/** An exemplar of a span that the sampler left out would lead nowhere. */
function nameExemplar(tracing: Tracing): Record<string, string> {
  const span = tracing.active();
  return span?.isRecording ? { trace_id: span.context.traceId, span_id: span.context.spanId } : {};
}

function toSnapshot({ name, help, type, values }: MetricObjectWithValues<PromValue<string>>): MetricSnapshot {
  // prom-client's type is a number in its types and a word in its objects, and Rollcall has no summary.
  const word = String(type) as MetricSnapshot["type"];
  return { name, help, type: word, values: values.map((value) => toValue(name, value)) };
}

/** A histogram's values have their own names, and its bounds are numbers. */
function toValue(
  name: string,
  { labels, value, ...rest }: { labels: Partial<Record<string, string | number>>; value: number },
): MetricValue {
  const metric = "metricName" in rest && typeof rest.metricName === "string" ? rest.metricName : name;
  const texts = Object.entries(labels).map(([label, text]) => [label, String(text)]);
  return { metric, labels: Object.fromEntries(texts), value };
}
