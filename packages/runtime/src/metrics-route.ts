import { createHash, timingSafeEqual } from "node:crypto";
import { AppError } from "@rollcall/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Services } from "./open-services.ts";

const loopback = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);
const forwardingHeaders = ["forwarded", "x-forwarded-for", "x-real-ip"] as const;

/** `any`: every caller that reaches the port. Otherwise the token, or without one only callers on this machine. */
export type MetricsAccess = "any" | { token: string | undefined };

/** `/metrics` in Prometheus' format. A caller without access gets `request.not_found`. */
export function registerMetricsRoute(
  app: FastifyInstance,
  { metrics }: Pick<Services, "metrics">,
  access: MetricsAccess,
): void {
  app.get("/metrics", async (request, reply) => {
    if (access !== "any" && !mayRead(request, access.token))
      throw new AppError("request.not_found", "The caller may not read metrics");
    const { contentType, text } = await metrics.scrape();
    return reply.type(contentType).send(text);
  });
}

function mayRead(request: FastifyRequest, token: string | undefined): boolean {
  if (token !== undefined) return isSameSecret(request.headers.authorization ?? "", `Bearer ${token}`);
  // The socket's own address counts, and a request that a proxy on this machine forwards is not local.
  const isForwarded = forwardingHeaders.some((header) => request.headers[header] !== undefined);
  return !isForwarded && loopback.has(request.socket.remoteAddress ?? "");
}

/** Compares in constant time. Digests make the lengths equal. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
