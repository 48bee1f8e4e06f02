import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "./context.ts";

/** One line for each answer. It names the route, never the URL: query strings hold what people typed. */
export function registerRequestLog(app: FastifyInstance, { log }: ApiContext): void {
  app.addHook("onResponse", async (request, reply) => {
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

/** Ids that cannot be guessed or confused between processes, for the answer and the log. */
export const genReqId = (): string => randomUUID();
