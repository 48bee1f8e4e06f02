import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from "@opentelemetry/otlp-exporter-base/node-http";
import {
  type IExporterMetricsHelper,
  type ISerializer,
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  LogsExporterMetricsHelper,
  MetricsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from "@opentelemetry/otlp-transformer";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { withTimeout } from "@rollcall/contracts";
import type { Protocol, Signal, TelemetrySettings } from "./settings.ts";

/** Sends to the collector once, with the SDK's retries. It rejects within the exporter's time limit (10 s by default). */
export type Send<Records> = (records: Records) => Promise<void>;

export type Exporters = {
  traces?: Send<readonly ReadableSpan[]> | undefined;
  logs?: Send<readonly ReadableLogRecord[]> | undefined;
  metrics?: Send<ResourceMetrics> | undefined;
};

/**
 * The exporters over HTTP of the signals that are sent. They are the parts of which OpenTelemetry makes a package for each
 * signal and protocol. Addresses, headers, certificates, compression and time limits come from its variables.
 */
export function createExporters(signals: TelemetrySettings["signals"]): Exporters {
  return {
    traces:
      signals.traces &&
      createExporter<ReadableSpan[], readonly ReadableSpan[]>(
        "traces",
        signals.traces,
        TraceExporterMetricsHelper,
        {
          "http/protobuf": ProtobufTraceSerializer,
          "http/json": JsonTraceSerializer,
        },
      ),
    logs:
      signals.logs &&
      createExporter<ReadableLogRecord[], readonly ReadableLogRecord[]>(
        "logs",
        signals.logs,
        LogsExporterMetricsHelper,
        {
          "http/protobuf": ProtobufLogsSerializer,
          "http/json": JsonLogsSerializer,
        },
      ),
    metrics:
      signals.metrics &&
      createExporter<ResourceMetrics>("metrics", signals.metrics, MetricsExporterMetricsHelper, {
        "http/protobuf": ProtobufMetricsSerializer,
        "http/json": JsonMetricsSerializer,
      }),
  };
}

const contentTypes: Record<Protocol, string> = {
  "http/protobuf": "application/x-protobuf",
  "http/json": "application/json",
};

function createExporter<Records, Given extends Records | Readonly<Records> = Records>(
  signal: Signal,
  protocol: Protocol,
  helper: IExporterMetricsHelper<Records>,
  serializers: Record<Protocol, ISerializer<Records, unknown>>,
): Send<Given> {
  const options = convertLegacyHttpOptions({}, signal.toUpperCase(), `v1/${signal}`, {
    "Content-Type": contentTypes[protocol],
  });
  const delegate = createOtlpHttpExportDelegate(options, serializers[protocol], signal, helper, undefined);
  // The SDK's limit is one of silence: a collector that answers byte by byte would keep a batch for ever.
  const longestMs = options.timeoutMillis + 1_000;
  return (records) => {
    const sent = new Promise<void>((resolve, reject) => {
      delegate.export(records as Records, ({ code, error }) =>
        code === exported ? resolve() : reject(error ?? new Error(`The ${signal} were not taken`)),
      );
    });
    return withTimeout(sent, longestMs);
  };
}

/** ExportResultCode.SUCCESS, of a package that nothing else here needs. */
const exported = 0;
