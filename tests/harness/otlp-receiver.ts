import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { findFreePort } from "@rollcall/local-services";
import { z } from "zod";

const value = z.looseObject({}).transform((given) => Object.values(given)[0]);
const attributes = z
  .array(z.object({ key: z.string(), value }))
  .default([])
  .transform((entries) => Object.fromEntries(entries.map(({ key, value }) => [key, value])));
const resource = z.object({ attributes });
const nanoseconds = z.coerce.bigint().transform((time) => Number(time / 1_000n) / 1_000);

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
  status: z.object({ code: z.number().default(0) }).default({ code: 0 }),
});
const traces = z.object({
  resourceSpans: z.array(z.object({ resource, scopeSpans: z.array(z.object({ spans: z.array(span) })) })),
});

const line = z.object({
  body: value.optional(),
  severityText: z.string(),
  traceId: z.string().optional(),
  spanId: z.string().optional(),
  attributes,
});
const logs = z.object({
  resourceLogs: z.array(z.object({ resource, scopeLogs: z.array(z.object({ logRecords: z.array(line) })) })),
});

const metrics = z.object({
  resourceMetrics: z.array(
    z.object({
      resource,
      scopeMetrics: z.array(z.object({ metrics: z.array(z.looseObject({ name: z.string() })) })),
    }),
  ),
});

/** Times are milliseconds since the epoch. `process` is api or worker. */
export type ReceivedSpan = z.infer<typeof span> & { process: unknown };
export type ReceivedLine = z.infer<typeof line> & { process: unknown };

/** An OpenTelemetry collector that keeps what it is sent over HTTP as JSON. */
export type OtlpReceiver = {
  url: string;
  spans: ReceivedSpan[];
  lines: ReceivedLine[];
  /** The newest value of each metric, by process and name. */
  metrics: Map<string, Record<string, unknown>>;
  /** Everything that was sent, as text. */
  texts: string[];
  /** Answers in place of the collector; undefined again: keeps. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
};

/** The variables of a process that sends to the receiver, and soon. */
export function telemetryTo({ url }: OtlpReceiver): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "50",
    OTEL_BLRP_SCHEDULE_DELAY: "50",
    OTEL_METRIC_EXPORT_INTERVAL: "500",
  };
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (receiver.answer) return receiver.answer(request, response);
    const text = Buffer.concat(chunks).toString();
    receiver.texts.push(text);
    keep(request.url ?? "", JSON.parse(text));
    response.setHeader("content-type", "application/json").end("{}");
  });
  const port = await findFreePort();
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${port}`,
    spans: [],
    lines: [],
    metrics: new Map(),
    texts: [],
    answer: undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };

  function keep(path: string, body: unknown): void {
    if (path === "/v1/traces")
      for (const { resource, scopeSpans } of traces.parse(body).resourceSpans)
        for (const { spans } of scopeSpans)
          receiver.spans.push(
            ...spans.map((one) => ({ ...one, process: resource.attributes["rollcall.process"] })),
          );
    else if (path === "/v1/logs")
      for (const { resource, scopeLogs } of logs.parse(body).resourceLogs)
        for (const { logRecords } of scopeLogs)
          receiver.lines.push(
            ...logRecords.map((one) => ({ ...one, process: resource.attributes["rollcall.process"] })),
          );
    else if (path === "/v1/metrics")
      for (const { resource, scopeMetrics } of metrics.parse(body).resourceMetrics)
        for (const scope of scopeMetrics)
          for (const metric of scope.metrics)
            receiver.metrics.set(`${resource.attributes["rollcall.process"]} ${metric.name}`, metric);
  }

  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return receiver;
}
