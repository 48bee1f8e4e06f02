import { type MetricName, metricTable } from "@rollcall/contracts";

type NameOf<Type extends string> = {
  [Name in MetricName]: (typeof metricTable)[Name]["type"] extends Type ? Name : never;
}[MetricName];
type LabelOf<Name extends MetricName> = (typeof metricTable)[Name]["labels"][number];

export type CounterName = NameOf<"counter">;
export type GaugeName = NameOf<"gauge">;
export type HistogramName = NameOf<"histogram">;

/** Which series of a metric, by patterns that match a label as a whole, and the labels that stay apart. */
type Choice<Name extends MetricName> = {
  where?: Readonly<Partial<Record<LabelOf<Name>, string>>>;
  by?: readonly LabelOf<Name>[];
  /** A duration of PromQL. */
  over?: string;
};

/** What Grafana takes for a rate: at least four scrapes, and the step of the chart. */
const chartWindow = "$__rate_interval";

/** Events a second. */
export function perSecond<Name extends CounterName>(
  name: Name,
  { where, by, over = chartWindow }: Choice<Name> = {},
): string {
  return `sum${grouped(by)}(rate(${select(name, where)}[${over}]))`;
}

/** Events within the time that Grafana shows. */
export function increase<Name extends CounterName>(
  name: Name,
  { where, by, over = "$__range" }: Choice<Name> = {},
): string {
  return `sum${grouped(by)}(increase(${select(name, where)}[${over}]))`;
}

/** Observations a second. */
export function observedPerSecond<Name extends HistogramName>(
  name: Name,
  { where, by, over = chartWindow }: Choice<Name> = {},
): string {
  return `sum${grouped(by)}(rate(${select(`${name}_count`, where)}[${over}]))`;
}

/**
 * Observations above a bound, a second.
 *
 * @throws Error when the bound is no edge of a bucket, so the histogram cannot say it
 */
export function abovePerSecond<Name extends HistogramName>(
  name: Name,
  bound: number,
  { where, by, over = chartWindow }: Choice<Name> = {},
): string {
  const edges: readonly number[] = metricTable[name].buckets;
  if (!edges.includes(bound)) throw new Error(`${name} has no edge at ${bound}`);
  // Prometheus 3 writes a whole number as 2.0.
  const within = select(`${name}_bucket`, { ...where, le: `${String(bound).replace(".", "[.]")}([.]0)?` });
  const all = observedPerSecond(name, { ...(where && { where }), ...(by && { by }), over });
  return `${all} - sum${grouped(by)}(rate(${within}[${over}]))`;
}

export function quantile<Name extends HistogramName>(
  share: number,
  name: Name,
  { where, by = [], over = chartWindow }: Choice<Name> = {},
): string {
  const rate = `rate(${select(`${name}_bucket`, where)}[${over}])`;
  return `histogram_quantile(${share}, sum by (${["le", ...by].join(", ")}) (${rate}))`;
}

/** A gauge of the whole system. Every api process exports it, so the maximum of the processes is the value. */
export function level<Name extends GaugeName>(name: Name, { where, by }: Choice<Name> = {}): string {
  return `max${grouped(by)}(${select(name, where)})`;
}

/** The sum of such a gauge over its labels. */
export function levelSum<Name extends GaugeName>(name: Name, { where }: Choice<Name> = {}): string {
  return `sum(${level(name, { ...(where && { where }), by: metricTable[name].labels })})`;
}

/** A series that appears with its first event is 0 before. */
export function orNone(expr: string): string {
  return `${expr} or vector(0)`;
}

export function select(name: string, where: Readonly<Record<string, string | undefined>> = {}): string {
  const matchers = Object.entries(where).flatMap(([label, pattern]) =>
    pattern === undefined ? [] : [`${label}=~${JSON.stringify(pattern)}`],
  );
  return matchers.length === 0 ? name : `${name}{${matchers.join(",")}}`;
}

function grouped(by: readonly string[] | undefined): string {
  return by && by.length > 0 ? ` by (${by.join(", ")}) ` : "";
}
