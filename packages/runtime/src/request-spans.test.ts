import { AppError } from "@rollcall/contracts";
import { recordTracing } from "@rollcall/sync/testing/recorded-tracing";
import { fastify, type InjectOptions } from "fastify";
import { expect, test, vi } from "vitest";
import { traceRequests } from "./request-spans.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const context = { traceId, spanId: "00f067aa0ba902b7", traceFlags: 1 };
const traceparent = `00-${traceId}-${context.spanId}-01`;

/** A server with a route that continues the traces of its callers, and one that does not. */
async function request(options: InjectOptions) {
  const { tracing, spans } = recordTracing();
  const app = fastify({ trustProxy: true });
  traceRequests(app, tracing, (route) => route === "/login");
  app.post("/login", {
    onRequest: async ({ headers }) => {
      if (!headers.authorization) throw new AppError("unauthenticated", "No token");
    },
    handler: async () => tracing.active()?.context,
  });
  app.post("/other", async () => tracing.active()?.context);
  const answer = await app.inject({ method: "POST", ...options });
  await app.close();
  await vi.waitFor(() => expect(spans.map(({ hasEnded }) => hasEnded)).toEqual([true]), { timeout: 30_000 });
  return { answer, span: spans[0] };
}

test.each<[string, InjectOptions["payload"]]>([
  ["with a body", { a: 1 }],
  ["without a body", undefined],
])("a caller that the route lets in has its trace continued, %s", async (_name, payload) => {
  const headers = { traceparent, authorization: "Bearer x" };
  const { answer, span } = await request({ url: "/login", headers, ...(payload && { payload }) });
  expect(span?.parent).toEqual(context);
  expect(answer.json()).toEqual(span?.context);
});

test.each<[string, string, Record<string, string>]>([
  ["that is refused", "/login", {}],
  ["of another route", "/other", { authorization: "Bearer x" }],
  ["of no route", "/nothing", {}],
])("a caller %s does not decide whether its request is recorded", async (_name, url, headers) => {
  const { answer, span } = await request({ url, headers: { ...headers, traceparent } });
  expect(span).toMatchObject({
    parent: undefined,
    attributes: { "http.response.status_code": answer.statusCode },
  });
  expect(span?.context.traceId).not.toBe(traceId);
});

test.each([
  ["no trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
  ["10 kB", `01-${traceId}-00f067aa0ba902b7-01-${"a".repeat(10_000)}`],
  ["two of them", `${traceparent}, ${traceparent}`],
])("a traceparent of %s is ignored, and the caller gets in", async (_name, malformed) => {
  const headers = { traceparent: malformed, authorization: "Bearer x" };
  const { answer, span } = await request({ url: "/login", headers });
  expect(answer.statusCode).toBe(200);
  expect(span?.parent).toBeUndefined();
});

test("no text of a caller gets into a span by a header of its proxy", async () => {
  const { span } = await request({ url: "/other", headers: { "x-forwarded-proto": "ada@example.com" } });
  expect(JSON.stringify(span)).not.toContain("ada@example.com");
});
