import { createHash, timingSafeEqual } from "node:crypto";
import { AppError } from "@rollcall/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { isLoopback } from "./client-address.ts";
import type { Services } from "./open-services.ts";

/** Headers by which a proxy names the caller. Those that begin with `x-forwarded-` count too. */
const proxyHeaders = new Set([
  "forwarded",
  "via",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-forwarded-for",
  "x-envoy-external-address",
  "cf-connecting-ip",
  "fastly-client-ip",
  "true-client-ip",
]);

/**
 * `/metrics` in Prometheus' format, or in OpenMetrics, with exemplars, for a caller that accepts it. With a token, its holders may read them. Without one, only a program on this machine
 * that no proxy stands before. Every other caller gets `request.not_found`.
 */
export function registerMetricsRoute(
  app: FastifyInstance,
  { metrics }: Pick<Services, "metrics">,
  token: string | undefined,
): void {
  app.get("/metrics", async (request, reply) => {
    if (!mayRead(request, token)) throw new AppError("request.not_found", "The caller may not read metrics");
    const accepts = request.headers.accept ?? "";
    const format = accepts.includes("application/openmetrics-text") ? "openmetrics" : "prometheus";
    const { contentType, text } = await metrics.scrape(format);
    return reply.type(contentType).send(text);
  });
}

function mayRead(request: FastifyRequest, token: string | undefined): boolean {
  if (token !== undefined) return isSameSecret(request.headers.authorization ?? "", `Bearer ${token}`);
  // The socket's own address counts. A request that a proxy on this machine forwards is not local, and neither is one
  // of a page that made the browser resolve a name of its own to this machine.
  const isForwarded = Object.keys(request.headers).some(
    (name) => proxyHeaders.has(name) || name.startsWith("x-forwarded-"),
  );
  return (
    !isForwarded && isLoopback(request.socket.remoteAddress ?? "") && isLoopbackHost(request.headers.host)
  );
}

function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  return hostname === "localhost" || hostname.endsWith(".localhost") || isLoopback(hostname);
}

/** Compares in constant time. Digests make the lengths equal. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
