import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLogger } from "../logger.ts";
import { createMetrics } from "../metrics.ts";
import { startTelemetry } from "./start-telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

/** What the collector got: path, type and body of each request. */
let received: { path: string; type: string | undefined; body: string }[];
let answer: RequestListener;
let server: Server;
let lines: string[];

beforeEach(async () => {
  [received, lines] = [[], []];
  answer = (_request, response) => response.end("{}");
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { url: path = "", headers } = request;
    received.push({ path, type: headers["content-type"], body: Buffer.concat(chunks).toString("latin1") });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

/** Starts it with a log and metrics, which tests read. */
async function start(variables: Record<string, string> = {}) {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The collector has no port");
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}`, ...variables };
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value);
  const telemetry = await startTelemetry(all, "api");
  if (!telemetry) throw new Error("Nothing is sent");
  const metrics = createMetrics("api", telemetry.tracing);
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level: "info", process: "api", telemetry, destination });
  telemetry.connect({ log, metrics });
  const readLost = async (signal: string) =>
    (await metrics.readTotals()).find(
      ({ metric, labels }) => metric === "rollcall_telemetry_lost_total" && labels["signal"] === signal,
    )?.value;
  return { telemetry, metrics, log, readLost };
}

function makeSpans(telemetry: Telemetry, count: number): void {
  for (let i = 0; i < count; i++) telemetry.tracing.start({ name: `work ${i}` }).end();
}

const bodiesOf = (path: string) => received.filter((one) => one.path === path);
const tracesAlone = { OTEL_LOGS_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" };

test("without a collector nothing starts, and neither with the SDK switched off", async () => {
  expect(await startTelemetry({}, "api")).toBeUndefined();
  const off = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318", OTEL_SDK_DISABLED: "true" };
  expect(await startTelemetry(off, "api")).toBeUndefined();
  expect(await startTelemetry({ OTEL_TRACES_SAMPLER: "always_on" }, "api")).toBeUndefined();
});

test.each([
  ["http/json", "application/json"],
  ["http/protobuf", "application/x-protobuf"],
])(
  "spans, lines and metrics go out as %s, with one trace and the names of Prometheus' page",
  async (protocol, type) => {
    const { telemetry, metrics, log } = await start({ OTEL_EXPORTER_OTLP_PROTOCOL: protocol });
    const span = telemetry.tracing.start({ name: "work", kind: "server" });
    telemetry.tracing.run(span, () => {
      log.info({ event: "user_synced", clerkId: "user_1" }, "User synced");
      metrics.observe("rollcall_ensure_seconds", { path: "row" }, 0.02);
    });
    span.end();
    await telemetry.stop();
    const { traceId, spanId } = span.context;
    expect(received.map((one) => one.type)).toEqual([type, type, type]);
    expect(bodiesOf("/v1/traces")[0]?.body).toContain("rollcall-api");
    expect(bodiesOf("/v1/logs")[0]?.body).toContain("User synced");
    expect(bodiesOf("/v1/metrics")[0]?.body).toContain("rollcall_ensure_seconds");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ trace_id: traceId, span_id: spanId });
    const { text } = await metrics.scrape("openmetrics");
    expect(text).toContain(`trace_id="${traceId}",span_id="${spanId}"`);
    expect((await metrics.scrape()).text).not.toContain(traceId);
  },
);

test("an error goes out with its code and causes, and without what Postgres quotes", async () => {
  const { telemetry, log } = await start({ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" });
  const refused = Object.assign(new Error("Key (email)=(ada@example.com) exists"), {
    ...{ code: "23505", severity: "ERROR", detail: "ada@example.com" },
  });
  log.warn({ err: new Error("The write failed", { cause: refused }) }, "A job failed");
  await telemetry.stop();
  const [{ body = "" } = {}] = bodiesOf("/v1/logs");
  for (const text of ["exception.message", "The write failed", "err.cause", "23505"])
    expect(body).toContain(text);
  expect(body).not.toContain("ada@example.com");
});

test("counters keep their names on both pages, however often each is read", async () => {
  const metrics = createMetrics("api");
  metrics.count("rollcall_ensure_total", { outcome: "ready" });
  const open = await metrics.scrape("openmetrics");
  const pages = [open, await metrics.scrape(), await metrics.scrape("openmetrics")];
  for (const { text } of pages) expect(text).toContain('rollcall_ensure_total{outcome="ready"} 1');
  expect(open.contentType).toContain("application/openmetrics-text");
  expect(open.text.trimEnd().endsWith("# EOF")).toBe(true);
});

test.each<[string, RequestListener, string]>([
  ["is away", (request) => request.socket.destroy(), "ECONNRESET"],
  ["refuses", (_request, response) => response.writeHead(401, "s3cret").end("s3cret"), "401"],
  ["is elsewhere", (_request, response) => response.writeHead(302, { location: "/" }).end(), "302"],
  ["is full", (_request, response) => response.writeHead(429).end(), "429, 502, 503 or 504"],
  ["never ends its answer", (_request, response) => response.writeHead(200).write("x"), "no answer"],
])("a collector that %s loses spans, which are counted and logged once", async (_name, refuse, reason) => {
  answer = refuse;
  const { telemetry, readLost } = await start({
    ...tracesAlone,
    OTEL_EXPORTER_OTLP_TIMEOUT: "200",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2",
  });
  makeSpans(telemetry, 4);
  await telemetry.stop();
  await vi.waitFor(async () => expect(await readLost("traces")).toBe(4), { timeout: 30_000 });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ event: "telemetry_lost", level: 40, reason }),
  ]);
  expect(lines.join()).not.toContain("s3cret");
});

test("a collector that answers garbage with 200 has taken the spans", async () => {
  answer = (_request, response) => response.end("\u0000garbage");
  const { telemetry, readLost } = await start({ ...tracesAlone, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" });
  makeSpans(telemetry, 3);
  await telemetry.stop();
  expect(bodiesOf("/v1/traces")).toHaveLength(1);
  expect(await readLost("traces")).toBeUndefined();
});

test("while the collector answers nothing, no more spans wait than the queue holds, and a stop ends", async () => {
  answer = () => undefined;
  const limits = { OTEL_BSP_MAX_QUEUE_SIZE: "10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "5" };
  const { telemetry, readLost } = await start({ ...tracesAlone, ...limits });
  makeSpans(telemetry, 5);
  await vi.waitFor(() => expect(bodiesOf("/v1/traces")).toHaveLength(1), { timeout: 30_000 });
  makeSpans(telemetry, 17);
  expect(await readLost("traces")).toBe(7);
  // The exporter itself waits for 10 s, and twice more for the other batches.
  expect(await Promise.race([telemetry.stop().then(() => "stopped"), sleep(15_000)])).toBe("stopped");
});

test("a wrong variable is logged, and the other signals are sent", async () => {
  const { telemetry } = await start({
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "collector:4317",
    OTEL_BSP_MAX_QUEUE_SIZE: "many",
  });
  makeSpans(telemetry, 1);
  await telemetry.stop();
  expect(received.map(({ path }) => path)).toEqual(["/v1/metrics"]);
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    expect.stringContaining("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf"),
    expect.stringContaining("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT must be a URL"),
    "OTEL_BSP_MAX_QUEUE_SIZE must be a whole number from 1 to 2147483647",
  ]);
});

test.each([
  [{ OTEL_TRACES_SAMPLER: "traceidratio=0.01" }],
  [{ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "1%" }],
  [{ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "10" }],
])("a share that cannot be read records nothing, and is logged: %o", async (variables) => {
  const { telemetry } = await start({ ...tracesAlone, ...variables });
  makeSpans(telemetry, 1);
  await telemetry.stop();
  expect(received).toEqual([]);
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    expect.stringMatching(/^OTEL_TRACES_SAMPLER(_ARG)? must be .*: no traces are sent$/),
  ]);
});

test.each([
  ["OTEL_METRIC_EXPORT_INTERVAL", "9999999999"],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "ten"],
  ["OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "brotli"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "s3cret-key"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cret%0Akey"],
  ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=s3cret%E0%A4%A"],
])("%s=%s is logged by its name, without its value", async (name, value) => {
  const { telemetry } = await start({ [name]: value });
  await telemetry.stop();
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ event: "telemetry_misconfigured" });
  expect(JSON.parse(lines[0] ?? "").msg).toMatch(new RegExp(`^${name} must be `));
  expect(lines.join()).not.toContain("s3cret");
});

test("a batch is sent when the queue is full, also if the variables name a longer one", async () => {
  const limits = { OTEL_BSP_MAX_QUEUE_SIZE: "5", OTEL_BSP_SCHEDULE_DELAY: "600000" };
  const { telemetry, readLost } = await start({ ...tracesAlone, ...limits });
  makeSpans(telemetry, 5);
  await vi.waitFor(() => expect(bodiesOf("/v1/traces")).toHaveLength(1), { timeout: 30_000 });
  expect(await readLost("traces")).toBeUndefined();
  await telemetry.stop();
});

test.each(["authorization=Bearer%20a", "x-a=b,x-c=d", "x-a=b, c = d", "x-a=a=b=="])(
  "headers of the form %s are right",
  async (headers) => {
    const { telemetry } = await start({ OTEL_EXPORTER_OTLP_HEADERS: headers });
    await telemetry.stop();
    expect(lines).toEqual([]);
  },
);

test("the sampler of the environment decides, and a caller decides for its trace", async () => {
  const sampler = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" };
  const { telemetry } = await start({ ...tracesAlone, ...sampler });
  const caller = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
  const own = telemetry.tracing.start({ name: "own" });
  const sampled = telemetry.tracing.start({ name: "sampled", parent: { ...caller, traceFlags: 1 } });
  const unsampled = telemetry.tracing.start({ name: "unsampled", parent: { ...caller, traceFlags: 0 } });
  for (const span of [own, sampled, unsampled]) span.end();
  await telemetry.stop();
  expect([own, sampled, unsampled].map(({ isRecording }) => isRecording)).toEqual([false, true, false]);
  expect(bodiesOf("/v1/traces")).toHaveLength(1);
});
