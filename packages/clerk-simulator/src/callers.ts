import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

const loopbackNames = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Refuses requests that a foreign page makes in a developer's browser. The simulator needs no password, gives out its keys
 * and mints tokens for any user.
 *
 * - `Host` must be a loopback name. A foreign name that resolves to this machine (DNS rebinding) would make the foreign
 *   page the simulator's own.
 * - `Origin` must be the simulator's own or absent. A browser sends it with each request that changes state. The routes
 *   below `/frontend` have a list of origins of their own, and check it themselves.
 * - `Sec-Fetch-Site` reveals a foreign page's request without an `Origin`, such as an image. Links to a page stay allowed.
 */
export function refuseForeignPages(app: FastifyInstance, hosts: readonly string[]): void {
  const names = [...loopbackNames, ...hosts];
  app.addHook("onRequest", async (request, reply) => {
    const { host = "", origin, "sec-fetch-site": site, "sec-fetch-mode": mode } = request.headers;
    if (!names.includes(nameOf(host)))
      return refuse(reply, `The host ${JSON.stringify(host)} is not allowed`);
    if (request.routeOptions.url?.startsWith("/frontend/")) return undefined;
    if (origin !== undefined && !isOwn(origin, host)) return refuse(reply, "This origin is not known");
    const isForeign = site === "cross-site" || site === "same-site";
    if (isForeign && !isLink(request, mode)) return refuse(reply, "Another page may only link here");
    return undefined;
  });
}

/** The host without its port. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "");
}

function isOwn(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

/** A visit of a page; its address cannot be one of the control. */
function isLink(request: FastifyRequest, mode: unknown): boolean {
  return mode === "navigate" && request.method === "GET" && !request.url.startsWith("/__sim/");
}

function refuse(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(403).send({ error });
}
