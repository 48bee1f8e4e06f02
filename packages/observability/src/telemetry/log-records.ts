import type { Resource } from "@opentelemetry/resources";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import { type InstrumentationScope, toTime } from "./sdk-types.ts";

/** OpenTelemetry's severity of each number that pino writes. */
const severities: Readonly<Record<number, { severityText: string; severityNumber: number }>> = {
  10: { severityText: "TRACE", severityNumber: 1 },
  20: { severityText: "DEBUG", severityNumber: 5 },
  30: { severityText: "INFO", severityNumber: 9 },
  40: { severityText: "WARN", severityNumber: 13 },
  50: { severityText: "ERROR", severityNumber: 17 },
  60: { severityText: "FATAL", severityNumber: 21 },
};

type Line = Record<string, unknown> & { time: number; level: number; msg?: string };

/** A line of the log, after its secrets were replaced, as OpenTelemetry's record with the same fields. */
export function toLogRecord(
  text: string,
  source: { resource: Resource; instrumentationScope: InstrumentationScope },
): ReadableLogRecord {
  // Our logger wrote the line.
  const {
    time,
    level,
    msg,
    process: _process,
    trace_id,
    span_id,
    event,
    err,
    ...fields
  }: Line = JSON.parse(text);
  const attributes = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return {
    ...source,
    hrTime: toTime(time),
    hrTimeObserved: toTime(time),
    ...severities[level],
    ...(msg !== undefined && { body: msg }),
    ...(typeof event === "string" && { eventName: event }),
    ...(typeof trace_id === "string" &&
      typeof span_id === "string" && { spanContext: { traceId: trace_id, spanId: span_id, traceFlags: 1 } }),
    attributes: {
      ...Object.fromEntries(attributes.map(([name, value]) => [name, toAttribute(value)])),
      ...(typeof event === "string" && { event }),
      ...describeError(err),
    },
    droppedAttributesCount: 0,
  };
}

function toAttribute(value: unknown): string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? value
    : JSON.stringify(value);
}

/** By OpenTelemetry's names. The code and the causes, as the logger writes them, have no such names. */
function describeError(error: unknown): Record<string, string | number | boolean> {
  if (typeof error !== "object" || error === null) return {};
  const named = Object.entries(error).map(
    ([field, value]) => [errorNames[field] ?? `err.${field}`, value] as const,
  );
  return Object.fromEntries(named.map(([name, value]) => [name, toAttribute(value)]));
}

const errorNames: Readonly<Record<string, string>> = {
  name: "exception.type",
  message: "exception.message",
  stack: "exception.stacktrace",
};
