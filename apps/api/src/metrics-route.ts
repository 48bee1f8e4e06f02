import { AppError } from "@rollcall/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiContext } from "./context.ts";
import { isSameSecret } from "./secret.ts";

const loopback = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
const forwardingHeaders = ["forwarded", "x-forwarded-for", "x-real-ip"] as const;

/** `/metrics` in Prometheus' format: with the token, or without one from this machine only. */
export function registerMetricsRoute(app: FastifyInstance, context: ApiContext): void {
  const { metrics, figures, config } = context;
  for (const read of figures) metrics.readAtScrape(read);
  app.get("/metrics", async (request, reply) => {
    if (!mayRead(request, config.METRICS_TOKEN))
      throw new AppError("request.not_found", "Metrics are not for you");
    const { contentType, text } = await metrics.scrape();
    return reply.type(contentType).send(text);
  });
}

function mayRead(request: FastifyRequest, token: string | undefined): boolean {
  if (token !== undefined) return isSameSecret(request.headers.authorization ?? "", `Bearer ${token}`);
  // The socket's address, not the forwarded one; and what a proxy on this machine passes on is not local.
  const forwarded = forwardingHeaders.some((header) => request.headers[header] !== undefined);
  return !forwarded && loopback.has(request.socket.remoteAddress ?? "");
}
