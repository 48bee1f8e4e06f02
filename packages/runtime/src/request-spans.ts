import { parseTraceparent, type Span, type Tracing } from "@rollcall/observability";
import type { FastifyInstance, FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyRequest {
    /** Undefined without tracing, and for probes. */
    span?: Span;
  }
}

/** Probes and scrapes would be most of the traces. */
const untraced = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Records each request as a span, in which all hooks and handlers run. It registers hooks, so call it before all others
 * are registered.
 *
 * @param continuesTrace the routes whose callers may name the trace to continue. Any other caller could make us record
 */
export function traceRequests(
  app: FastifyInstance,
  tracing: Tracing,
  continuesTrace: (route: string) => boolean,
): void {
  app.decorateRequest("span");
  app.addHook("onRequest", (request, reply, done) => {
    const route = request.routeOptions.url;
    if (route !== undefined && untraced.has(route)) return done();
    const span = startSpan(tracing, request, route !== undefined && continuesTrace(route));
    request.span = span;
    // Also when the caller went away, and no answer was sent.
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) span.fail("aborted");
      span.end();
    });
    tracing.run(span, done);
  });
  // The body arrived by events of the connection, which is not inside of the span.
  app.addHook("preValidation", (request, _reply, done) => {
    if (request.span) tracing.run(request.span, done);
    else done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    const { span } = request;
    if (!span) return done();
    span.set({ "http.response.status_code": reply.statusCode });
    if (reply.errorCode !== undefined) span.set({ "rollcall.error.code": reply.errorCode });
    if (reply.statusCode >= 500) span.fail(reply.errorCode ?? String(reply.statusCode));
    tracing.run(span, done);
  });
}

/** The URL stays out: it may hold ids, and a caller may write anything into it. */
function startSpan(tracing: Tracing, request: FastifyRequest, mayContinue: boolean): Span {
  const { method } = request;
  const route = request.routeOptions.url;
  return tracing.start({
    name: route === undefined ? method : `${method} ${route}`,
    kind: "server",
    parent: mayContinue ? (parseTraceparent(request.headers["traceparent"]) ?? null) : null,
    attributes: {
      "http.request.method": method,
      "url.scheme": request.protocol,
      ...(route !== undefined && { "http.route": route }),
    },
  });
}
