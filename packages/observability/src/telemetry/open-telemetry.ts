import { randomUUID } from "node:crypto";
import {
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { type MetricProcess, version, withTimeout } from "@rollcall/contracts";
import type { Metrics } from "../metrics.ts";
import { isSampled } from "../tracing.ts";
import { createBatches } from "./batches.ts";
import { createExporters, type Send } from "./exporters.ts";
import { toLogRecord } from "./log-records.ts";
import { createLosses } from "./losses.ts";
import { toResourceMetrics } from "./metric-data.ts";
import { createTracing } from "./sdk-tracing.ts";
import type { InstrumentationScope } from "./sdk-types.ts";
import type { TelemetrySettings } from "./settings.ts";
import type { Telemetry } from "./telemetry.ts";

/** Well within the 20 s after which a process that stops is ended, and the 10 s of Docker. */
const longestFlushMs = 3_000;

/** Starts the SDK. Only `startTelemetry` imports this module, because it loads OpenTelemetry. */
export function openTelemetry(settings: TelemetrySettings, process: MetricProcess): Telemetry {
  const startMs = Date.now();
  const resource = describeProcess(process);
  const scope: InstrumentationScope = { name: "rollcall", version };
  const source = { resource, instrumentationScope: scope };
  const send = createExporters(settings.signals);
  const losses = createLosses(settings.problems);

  const spans =
    send.traces &&
    createBatches<ReadableSpan>({
      ...settings.spans,
      send: send.traces,
      onLost: (count, error) => losses.add("traces", count, error),
    });
  const logs =
    send.logs &&
    createBatches<ReadableLogRecord>({
      ...settings.logs,
      send: send.logs,
      onLost: (count, error) => losses.add("logs", count, error),
    });
  const sendMetrics: Send<Metrics> | undefined =
    send.metrics &&
    (async (metrics) => {
      const data = toResourceMetrics(await metrics.collect(), { resource, scope, startMs });
      await send.metrics?.(data).catch((error: unknown) => losses.add("metrics", 1, error));
    });

  const provider = new BasicTracerProvider({
    resource,
    spanLimits: { linkCountLimit: settings.mostLinks },
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => {
          if (isSampled(span.spanContext())) spans?.add(span);
        },
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  });

  let metrics: Metrics | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    tracing: createTracing(provider.getTracer(scope.name, scope.version)),
    sendLogLine: (line) => {
      try {
        logs?.add(toLogRecord(line, source));
      } catch {
        // The line is in the log itself, and must not end the process.
        losses.add("logs", 1);
      }
    },
    connect: (services) => {
      losses.connect(services);
      metrics = services.metrics;
      const shown = services.metrics;
      if (sendMetrics) timer = setInterval(() => void sendMetrics(shown), settings.metricsEveryMs);
      timer?.unref();
    },
    stop: async () => {
      clearInterval(timer);
      const flushed = [spans?.flush(), logs?.flush(), metrics && sendMetrics?.(metrics)];
      await withTimeout(Promise.allSettled(flushed), longestFlushMs).catch(() => undefined);
    },
  };
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win. Both processes may share them, so each also says what it is. */
function describeProcess(process: MetricProcess): Resource {
  const own = resourceFromAttributes({
    "service.name": `rollcall-${process}`,
    "service.version": version,
    "service.instance.id": randomUUID(),
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.name": "opentelemetry",
  });
  const named = detectResources({ detectors: [envDetector] });
  return own.merge(named).merge(resourceFromAttributes({ "rollcall.process": process }));
}
