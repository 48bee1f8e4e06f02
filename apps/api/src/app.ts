import { type FastifyInstance, fastify } from "fastify";
import { registerAdmin } from "./admin/admin.ts";
import type { ApiContext } from "./context.ts";
import { registerEnsureRoute } from "./ensure-route.ts";
import { answerError, registerErrorAnswers } from "./error-answers.ts";
import { registerHealthRoutes } from "./health-routes.ts";
import { registerMetricsRoute } from "./metrics-route.ts";
import { genReqId, registerRequestLog } from "./request-log.ts";
import { registerWebhookRoute } from "./webhook-route.ts";

/** Builds the api; it does not listen yet. */
export async function buildApp(context: ApiContext): Promise<FastifyInstance> {
  const app = fastify({
    // Our own request log names the route; Fastify's would write the query string.
    logger: false,
    genReqId,
    trustProxy: readTrustProxy(context.config.TRUST_PROXY),
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    forceCloseConnections: "idle",
    // A URL that cannot be read reaches no route and no error handler; Fastify's own answer would quote it.
    frameworkErrors: (_error, request, reply) => {
      answerError(context, request, reply, "request.malformed");
    },
  });
  app.addHook("preClose", async () => {
    // A connection that is kept alive behind its last answer would hold the process until its emergency exit.
    app.server.keepAliveTimeout = 1;
  });
  await registerErrorAnswers(app, context);
  registerRequestLog(app, context);
  registerHealthRoutes(app, context);
  registerMetricsRoute(app, context);
  registerWebhookRoute(app, context);
  await app.register(async (scope) => registerEnsureRoute(scope, context), { prefix: "/api/ensure" });
  registerAdmin(app, context);
  return app;
}

/** `true` trusts every proxy, a comma-separated list of addresses or ranges those; unset trusts nobody. */
function readTrustProxy(value: string | undefined): boolean | string {
  if (value === undefined || value === "false") return false;
  return value === "true" ? true : value;
}
