import { ValueType } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { MetricSnapshot, MetricValue } from "../metrics.ts";
import { type InstrumentationScope, type Time, toTime } from "./sdk-types.ts";

type Source = { resource: Resource; scope: InstrumentationScope; startMs: number };

/** The metrics of Prometheus' page, with the same names and labels, as OpenTelemetry's exporters take them. */
export function toResourceMetrics(
  snapshots: readonly MetricSnapshot[],
  { resource, scope, startMs }: Source,
): ResourceMetrics {
  const times = { startTime: toTime(startMs), endTime: toTime(Date.now()) };
  return {
    resource,
    scopeMetrics: [{ scope, metrics: snapshots.flatMap((snapshot) => toMetricData(snapshot, times)) }],
  };
}

type Times = { startTime: Time; endTime: Time };

function toMetricData({ name, help, type, values }: MetricSnapshot, times: Times): MetricData[] {
  const common = {
    descriptor: { name, description: help, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const points = () => values.map(({ labels, value }) => ({ ...times, attributes: { ...labels }, value }));
  switch (type) {
    case "counter":
      return [{ ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() }];
    case "gauge":
      return [{ ...common, dataPointType: DataPointType.GAUGE, dataPoints: points() }];
    case "histogram":
      return [{ ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: toHistograms(values, times) }];
    default:
      return type satisfies never;
  }
}

/** Prometheus has a value for each bucket, which counts the smaller buckets too, for the sum and for the count. */
function toHistograms(values: readonly MetricValue[], times: Times) {
  const series = new Map<string, MetricValue[]>();
  for (const value of values) {
    const { le: _le, ...labels } = value.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), value]);
  }
  return [...series].map(([labels, own]) => {
    const buckets = own.flatMap(({ labels: { le }, value }) =>
      le === undefined ? [] : [{ le: Number(le), value }],
    );
    const bounds = buckets.filter(({ le }) => Number.isFinite(le));
    const count = own.find(({ metric }) => metric.endsWith("_count"))?.value ?? 0;
    const sum = own.find(({ metric }) => metric.endsWith("_sum"))?.value ?? 0;
    const upTo = [...bounds.map(({ value }) => value), count];
    return {
      ...times,
      attributes: JSON.parse(labels),
      value: {
        buckets: {
          boundaries: bounds.map(({ le }) => le),
          counts: upTo.map((value, index) => value - (upTo[index - 1] ?? 0)),
        },
        sum,
        count,
      },
    };
  });
}
