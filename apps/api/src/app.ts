import { randomUUID } from "node:crypto";
import { registerHealthRoutes, registerMetricsRoute } from "@rollcall/runtime";
import { type FastifyInstance, fastify } from "fastify";
import { registerAdmin } from "./admin/admin.ts";
import type { ApiContext } from "./context.ts";
import { registerEnsureRoute } from "./ensure-route.ts";
import { answerError, registerErrorAnswers } from "./error-answers.ts";
import { registerRefusalLog } from "./refusal-log.ts";
import { registerWebhookRoute } from "./webhook-route.ts";

/** Builds the api; it does not listen yet. */
export async function buildApp(context: ApiContext): Promise<FastifyInstance> {
  const app = fastify({
    // Our own request log names the route. Fastify's log would write the query string.
    logger: false,
    // Ids for answers and log, which no caller can guess and no two processes share.
    genReqId: () => randomUUID(),
    trustProxy: readTrustProxy(context.config.TRUST_PROXY),
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    forceCloseConnections: "idle",
    // A URL that cannot be read reaches no route and no error handler, and Fastify's own answer would quote it.
    frameworkErrors: (_error, request, reply) => {
      answerError(context, request, reply, "request.malformed");
    },
  });
  app.addHook("preClose", async () => {
    // A connection that is kept alive after its last answer would keep the process from stopping.
    app.server.keepAliveTimeout = 1;
  });
  await registerErrorAnswers(app, context);
  registerRequestLog(app, context);
  registerRefusalLog(app, context);
  registerHealthRoutes(app, context, { listsWorker: true });
  for (const read of context.gauges) context.metrics.readAtScrape(read);
  registerMetricsRoute(app, context, { token: context.config.METRICS_TOKEN });
  registerWebhookRoute(app, context);
  await app.register(async (scope) => registerEnsureRoute(scope, context), { prefix: "/api/ensure" });
  registerAdmin(app, context);
  return app;
}

/** `true` trusts every proxy; a comma-separated list trusts these addresses or ranges. Unset: no proxy is trusted. */
function readTrustProxy(value: string | undefined): boolean | string {
  if (value === undefined || value === "false") return false;
  return value === "true" ? true : value;
}

/** One count and one line for each answer. The line names the route, never the URL, because a query string may hold personal data. */
function registerRequestLog(app: FastifyInstance, { log, metrics }: ApiContext): void {
  app.addHook("onResponse", async (request, reply) => {
    metrics.count("rollcall_http_requests_total", {
      route: request.routeOptions.url ?? "unknown",
      status: String(reply.statusCode),
      code: reply.errorCode ?? "",
    });
    log.debug(
      {
        event: "request_answered",
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url ?? "unknown",
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      "Request answered",
    );
  });
}
