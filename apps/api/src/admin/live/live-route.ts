import { liveQuery } from "@rollcall/contracts";
import { readOperator, requireRole } from "../access/operator.ts";
import { type AdminRoute, readInput } from "../admin-route.ts";
import { createLiveStreams } from "./live-streams.ts";

/** A proxy must neither keep the answer back nor compress it, which would delay each event. */
const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/** `GET live`. It has a declaration of its own, because its answer has no end. */
export const liveRoute: AdminRoute = {
  method: "GET",
  path: "/live",
  role: "viewer",
  summary:
    "Server-sent events: the timeline as it grows, and which parts of the console changed. Resumes after the header Last-Event-ID.",
  params: undefined,
  query: liveQuery,
  body: undefined,
  status: 200,
  answer: undefined,
  contentType: "text/event-stream",
  register: (scope, context) => {
    const streams = createLiveStreams(context);
    // An open stream would keep the process from stopping.
    scope.addHook("preClose", () => streams.close());
    scope.route({
      method: "GET",
      url: liveRoute.path,
      // A HEAD request would open a stream that is never read.
      exposeHeadRoute: false,
      onRequest: async (request) => requireRole(readOperator(request), liveRoute.role),
      handler: async (request, reply) => {
        const header = request.headers["last-event-id"];
        const { after } = readInput(liveQuery, header === undefined ? request.query : { after: header });
        const { name, sessionId } = readOperator(request);
        const stream = streams.open({
          after: after === undefined ? undefined : Number(after),
          operator: name,
          sessionId,
          response: reply.raw,
        });
        // Most callers close a stream in its middle, which is no end of an answer for Fastify.
        reply.raw.once("close", () => {
          if (reply.raw.writableFinished) return;
          const labels = { route: request.routeOptions.url ?? "unknown", status: "200", code: "" };
          context.metrics.count("rollcall_http_requests_total", labels);
        });
        return reply.headers(streamHeaders).send(stream);
      },
    });
  },
};
