import { randomUUID } from "node:crypto";
import { AppError } from "@rollcall/contracts";
import type { Tracing } from "@rollcall/observability";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { readTrustProxy } from "./client-address.ts";
import {
  type Answer,
  answerError,
  countAnswer,
  type ErrorContext,
  readCode,
  registerErrorAnswers,
  safeHeaders,
} from "./error-answers.ts";
import type { RefusalLimit } from "./refusal-limit.ts";
import { registerRefusalLog } from "./refusal-log.ts";
import { traceRequests } from "./request-spans.ts";
import { createUnroutedAnswers } from "./unrouted-answers.ts";

export type HttpContext = ErrorContext & { refusalLimit: RefusalLimit; tracing?: Tracing | undefined };

export type HttpServerOptions = {
  /** Further connections are closed at once. */
  mostConnections: number;
  /** TRUST_PROXY. */
  trustProxy?: string | undefined;
  /** Routes that never answer 429 by address: see below. */
  isNeverLimited(route: string): boolean;
  /** Routes whose callers may name the trace to continue; by default none. */
  continuesTrace?(route: string): boolean;
};

/** Node looks for late requests at this interval. */
const checkEveryMs = 500;
const slowestRequestMs = 10_000;
/** Longer than every id: a Clerk id has at most 133 characters. A longer part of a path is answered 414. */
const maxParamLength = 500;

/**
 * The HTTP server of api and worker: headers and body must arrive within 10 s, connections are capped, every answer is
 * counted, and every refusal has our error body, also one that is made before a route is known.
 *
 * @returns a server without routes that does not listen yet
 */
export async function createHttpServer(
  context: HttpContext,
  options: HttpServerOptions,
): Promise<FastifyInstance> {
  const unrouted = createUnroutedAnswers(context);
  const app = fastify({
    // Our own request log names the route. Fastify's log would write the query string.
    logger: false,
    // Ids for answers and log, which no caller can guess and no two processes share.
    genReqId: () => randomUUID(),
    trustProxy: readTrustProxy(options.trustProxy),
    bodyLimit: 64 * 1024,
    // Proxies and people add a slash at the end of a URL.
    routerOptions: { maxParamLength, ignoreTrailingSlash: true },
    requestTimeout: slowestRequestMs,
    http: {
      headersTimeout: slowestRequestMs,
      connectionsCheckingInterval: checkEveryMs,
      // Node's own answer has an empty body. `refuseWithoutHost` answers instead.
      requireHostHeader: false,
    },
    forceCloseConnections: "idle",
    clientErrorHandler: unrouted.answer,
    // A URL that cannot be read reaches no route and no hook, and Fastify's own answer would quote it.
    frameworkErrors: (error, request, reply) => {
      const code = readCode(error);
      reply.headers(safeHeaders);
      reply.raw.once("finish", () =>
        recordAnswer(context, request, { route: undefined, status: reply.statusCode, code }),
      );
      answerError(context, request, reply, code);
    },
  });
  if (context.tracing) traceRequests(app, context.tracing, options.continuesTrace ?? (() => false));
  unrouted.watch(app.server);
  // Node's own answer, 417, has an empty body. A server may ignore an expectation that it does not know.
  app.server.on("checkExpectation", (request, response) => app.server.emit("request", request, response));
  capConnections(app, context, options.mostConnections);
  app.addHook("preClose", async () => {
    // A connection that is kept alive after its last answer would keep the process from stopping.
    app.server.keepAliveTimeout = 1;
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(safeHeaders);
    done(refuseWithoutHost(request));
  });
  limitRefusals(app, context, options);
  app.addHook("onResponse", (request, reply, done) => {
    // The caller got the answer of `unrouted`.
    if (!unrouted.wasAnswered(request.socket)) {
      const answer = { route: request.routeOptions.url, status: reply.statusCode, code: reply.errorCode };
      recordAnswer(context, request, answer);
      logAnswer(context, request, { ...answer, ms: Math.round(reply.elapsedTime) });
    }
    done();
  });
  registerRefusalLog(app, context);
  await registerErrorAnswers(app, context);
  return app;
}

/** HTTP/1.1 requires the header, and RFC 9112 an answer of 400 without it. */
function refuseWithoutHost({ raw }: FastifyRequest): AppError | undefined {
  if (raw.httpVersion !== "1.1" || raw.headers.host !== undefined) return undefined;
  return new AppError("request.malformed", "The request has no Host");
}

/** Answers 429 before authentication to an address whose calls were refused too often. */
function limitRefusals(
  app: FastifyInstance,
  context: HttpContext,
  { isNeverLimited }: HttpServerOptions,
): void {
  app.addHook("onRequest", (request, reply, done) => {
    // Mostly no address is over the limit, and then the route does not matter.
    const mayPass =
      context.refusalLimit.readWaitMs(request) === 0 ||
      isNeverLimited(request.routeOptions.url ?? request.url);
    if (mayPass || !answerLimited(context, request, reply)) done();
  });
}

/** Answers 429 if the caller's address is over the limit of refused calls. @returns whether it did */
export function answerLimited(context: HttpContext, request: FastifyRequest, reply: FastifyReply): boolean {
  const retryAfterMs = context.refusalLimit.readWaitMs(request);
  if (retryAfterMs === 0) return false;
  request.refusal = new AppError("request.rate_limited", "Too many calls of one address were refused", {
    reason: "address",
  });
  answerError(context, request, reply, "request.rate_limited", { retryAfterMs });
  return true;
}

const logDroppedEveryMs = 60_000;

function capConnections(app: FastifyInstance, { log }: HttpContext, mostConnections: number): void {
  app.server.maxConnections = mostConnections;
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  app.server.on("drop", () => {
    if (performance.now() - loggedAtMs < logDroppedEveryMs) return;
    loggedAtMs = performance.now();
    log.warn({ event: "connections_refused", mostConnections }, "Connections are refused: too many are open");
  });
}

function recordAnswer(context: HttpContext, request: FastifyRequest, answer: Answer): void {
  countAnswer(context, answer);
  context.refusalLimit.record(request, answer);
}

/** One line for each answer. It names the route, never the URL, because a query string may hold personal data. */
function logAnswer({ log }: ErrorContext, request: FastifyRequest, answer: Answer & { ms: number }): void {
  const { route = "unknown", status, code, ms } = answer;
  log.debug(
    { event: "request_answered", requestId: request.id, method: request.method, route, status, code, ms },
    "Request answered",
  );
}
