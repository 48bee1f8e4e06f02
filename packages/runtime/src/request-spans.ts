import { parseTraceparent, type Span, type SpanContext, type Tracing } from "@rollcall/observability";
import type { FastifyInstance, FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyRequest {
    /** Undefined without tracing, and for probes. */
    span?: Span;
    /** The span that the caller names, on a route that may continue its trace. */
    callerSpan?: { context: SpanContext; arrivedAtMs: number };
  }
}

/** Probes and scrapes would be most of the traces. */
const untraced = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Records each request as a span, in which all hooks and handlers run. It registers hooks, so call it before all others
 * are registered.
 *
 * @param continuesTrace the routes whose callers may name the trace to continue, if no `onRequest` hook refuses them. Their
 * span begins after these hooks. Any other caller could make us record, whatever the sampler's share is
 */
export function traceRequests(
  app: FastifyInstance,
  tracing: Tracing,
  continuesTrace: (route: string) => boolean,
): void {
  app.decorateRequest("span");
  app.decorateRequest("callerSpan");
  const begin = (request: FastifyRequest, parent: SpanContext | null): Span => {
    request.span = startSpan(tracing, request, parent);
    return request.span;
  };
  app.addHook("onRequest", (request, reply, done) => {
    const route = request.routeOptions.url;
    if (route !== undefined && untraced.has(route)) return done();
    // Also when the caller went away, and no answer was sent.
    reply.raw.once("close", () => {
      const span = request.span ?? begin(request, null);
      if (!reply.raw.writableFinished) span.fail("aborted");
      span.end();
    });
    const mayContinue = route !== undefined && continuesTrace(route);
    const context = mayContinue ? parseTraceparent(request.headers["traceparent"]) : undefined;
    if (!context) return tracing.run(begin(request, null), done);
    request.callerSpan = { context, arrivedAtMs: Date.now() };
    done();
  });
  app.addHook("preParsing", (request, _reply, _payload, done) => {
    if (request.callerSpan) tracing.run(begin(request, request.callerSpan.context), done);
    else done();
  });
  // The body arrived by events of the connection, which is not inside of the span.
  app.addHook("preValidation", (request, _reply, done) => {
    if (request.span) tracing.run(request.span, done);
    else done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    // A caller that was refused begins a trace, which the sampler may leave out.
    const span = request.span ?? (request.callerSpan && begin(request, null));
    if (!span) return done();
    span.set({ "http.response.status_code": reply.statusCode });
    if (reply.errorCode !== undefined) span.set({ "rollcall.error.code": reply.errorCode });
    if (reply.statusCode >= 500) span.fail(reply.errorCode ?? String(reply.statusCode));
    tracing.run(span, done);
  });
}

/** The URL stays out: it may hold ids, and a caller may write anything into it. */
function startSpan(tracing: Tracing, request: FastifyRequest, parent: SpanContext | null): Span {
  const { method, callerSpan } = request;
  const route = request.routeOptions.url;
  return tracing.start({
    name: route === undefined ? method : `${method} ${route}`,
    kind: "server",
    parent,
    ...(callerSpan && { startMs: callerSpan.arrivedAtMs }),
    attributes: {
      "http.request.method": method,
      // A proxy may pass on what the caller wrote.
      "url.scheme": request.protocol === "https" ? "https" : "http",
      ...(route !== undefined && { "http.route": route }),
    },
  });
}
