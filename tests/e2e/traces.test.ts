import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, untilProfile, withQueue } from "../harness/calls.ts";
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
  telemetryTo,
} from "../harness/otlp-receiver.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let receiver: OtlpReceiver;
  let system: System;
  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    system = await startSystem({ backend, environment: telemetryTo(receiver) });
  });
  afterAll(async () => {
    await system?.stop();
    await receiver?.close();
  });

  /** The work of every job that reads Clerk and writes a new user, each span below the one before it. */
  const ways = [
    ["process", "read user", "read users", "GET /v1/users/{id}"],
    ["process", "write user", "write users", "transaction", "apply-snapshots"],
    ["process", "write user", "write users", "transaction", "COMMIT"],
    backend === "redis"
      ? ["process", "invalidate session cache", "DEL session cache"]
      : ["process", "invalidate session cache"],
  ];

  function spansOf(traceId: string): ReceivedSpan[] {
    return receiver.spans.filter((span) => span.traceId === traceId);
  }

  /** The names from the first span of the trace down to this one. The queue's name is left out. */
  function wayTo(span: ReceivedSpan): string[] {
    const parent = receiver.spans.find(({ spanId }) => spanId === span.parentSpanId);
    const name = span.name.replace(/ (sync|ensure)$/, "");
    return parent ? [...wayTo(parent), name] : [name];
  }

  /** Waits until the trace has spans on all these ways. */
  async function untilTrace(traceId: string, wanted: readonly string[][]): Promise<ReceivedSpan[]> {
    let missing = wanted;
    return waitFor("the whole trace", async () => {
      const found = spansOf(traceId);
      const known = new Set(found.map((span) => wayTo(span).join(" > ")));
      missing = wanted.filter((way) => !known.has(way.join(" > ")));
      return missing.length === 0 ? found : undefined;
    }).catch((error: unknown) => {
      throw new Error(`Missing: ${JSON.stringify(missing)}`, { cause: error });
    });
  }

  /** The trace of the only webhook since `since`. */
  async function findWebhook(since: number): Promise<string> {
    const isWebhook = ({ name, startTimeUnixNano }: ReceivedSpan) =>
      name === "POST /api/webhooks/clerk" && startTimeUnixNano >= since;
    return waitFor("the span of the webhook", async () => receiver.spans.find(isWebhook)?.traceId);
  }

  test("one trace leads from a webhook to the rows and to the session cache", async () => {
    const since = Date.now();
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const traceId = await findWebhook(since);
    const request = "POST /api/webhooks/clerk";
    const trace = await untilTrace(traceId, [
      [request],
      [request, "add"],
      [request, "add", "wait"],
      ...ways.map((way) => [request, "add", ...way]),
    ]);
    expect(trace.filter(({ status }) => status.code === 2)).toEqual([]);
    expect(trace.find(({ name }) => name === request)).toMatchObject({
      kind: 2,
      process: "api",
      attributes: { "http.request.method": "POST", "http.route": "/api/webhooks/clerk" },
    });
    expect(trace.find(({ name }) => name === "add sync")?.kind).toBe(4);
    expect(trace.find(({ name }) => name === "process sync")).toMatchObject({ kind: 5, process: "worker" });
    expect(trace.find(({ name }) => name === "GET /v1/users/{id}")).toMatchObject({
      kind: 3,
      attributes: { "server.address": "127.0.0.1", "url.full": `${system.clerk.url}/v1/users/{id}` },
    });
    expect(trace.find(({ name }) => name === "apply-snapshots")?.attributes).toMatchObject({
      "db.system.name": "postgresql",
    });
  });

  test("a login continues the trace of its caller", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const [traceId, spanId] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
    const traceparent = `00-${traceId}-${spanId}-01`;
    expect((await ensure(system, person.id, { headers: { traceparent } })).status).toBe(200);
    const request = "POST /api/ensure";
    const trace = await untilTrace(traceId, [
      [request],
      ...(backend === "redis" ? [[request, "GET session cache"]] : []),
      [request, "SELECT public.users"],
      [request, "add"],
      [request, "add", "wait"],
      ...ways.map((way) => [request, "add", ...way]),
    ]);
    expect(trace.find(({ name }) => name === request)?.parentSpanId).toBe(spanId);
  });

  test("deliveries that merge into a waiting job are linked with its trace, from both sides", async () => {
    await withQueue(system, "sync", (queue) => queue.pause());
    const since = Date.now();
    const person = await system.clerk.users.create();
    const first = await findWebhook(since);
    await untilTrace(first, [["POST /api/webhooks/clerk", "add"]]);
    await system.clerk.users.update(person.id, { firstName: "Bia" });
    const merged = await waitFor("the span of the merged delivery", async () =>
      receiver.spans.find(
        ({ name, links }) => name === "add sync" && links.some((link) => link.traceId === first),
      ),
    );
    await withQueue(system, "sync", (queue) => queue.resume());
    const job = await waitFor("the span of the job", async () =>
      spansOf(first).find(({ name }) => name === "process sync"),
    );
    expect(merged.traceId).not.toBe(first);
    expect(job.links).toContainEqual(
      expect.objectContaining({ traceId: merged.traceId, spanId: merged.spanId }),
    );
  });

  test("each attempt of a job is a span below the one that added it, and fails with the code of its error", async () => {
    await system.clerk.faults.add({ kind: "status", status: 500 });
    const since = Date.now();
    const person = await system.clerk.users.create();
    const traceId = await findWebhook(since);
    const attempts = () => spansOf(traceId).filter(({ name }) => name === "process sync");
    const failed = await waitFor("a failed attempt", async () => attempts()[0]);
    await system.clerk.faults.heal();
    await untilProfile(system, person.id);
    await waitFor("the attempt that succeeds", async () =>
      attempts().some(({ status }) => status.code !== 2) ? true : undefined,
    );
    expect(failed.status.code).toBe(2);
    expect(failed.attributes["rollcall.error.code"]).toBe("clerk.unavailable");
    expect(new Set(attempts().map(({ parentSpanId }) => parentSpanId)).size).toBe(1);
    const requests = spansOf(traceId).filter(({ name }) => name.startsWith("GET /v1/users"));
    expect(requests.map(({ attributes }) => attributes["http.response.status_code"])).toContain(500);
  });
});
