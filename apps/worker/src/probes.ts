import { withTimeout } from "@rollcall/contracts";
import { findMissingMigrations } from "@rollcall/db";
import { watchEventLoop } from "@rollcall/observability";
import { isQueueUp } from "@rollcall/sync";
import { type FastifyInstance, fastify } from "fastify";
import type { WorkerContext } from "./context.ts";

/** Whoever probes gives up soon: an answer that hangs says nothing. */
const askTimeoutMs = 1_000;

/** The worker's own `/healthz`, `/readyz` and `/metrics`, for those who watch it. */
export function buildProbes(context: WorkerContext): FastifyInstance {
  const app = fastify({ logger: false, forceCloseConnections: "idle" });
  const loop = watchEventLoop();
  app.addHook("onClose", async () => loop.close());
  app.get("/healthz", async (_request, reply) => {
    reply.code(loop.isStuck() ? 503 : 200);
    return { status: loop.isStuck() ? "stuck" : "ok" };
  });
  app.get("/readyz", async (_request, reply) => {
    const [queueUp, missing] = await Promise.all([
      isQueueUp(context.producers.sync, askTimeoutMs),
      // Undefined when Postgres does not answer.
      withTimeout(findMissingMigrations(context.pool), askTimeoutMs).catch(() => undefined),
    ]);
    const isMigrated = !missing?.length;
    const degraded = isMigrated
      ? [...(missing === undefined ? ["postgres"] : []), ...(queueUp ? [] : ["queue"])]
      : ["migrations"];
    const ready = isMigrated && degraded.length < 2;
    reply.code(ready ? 200 : 503);
    return { status: ready ? (degraded.length === 0 ? "ok" : "degraded") : "unavailable", degraded };
  });
  app.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await context.metrics.scrape();
    return reply.type(contentType).send(text);
  });
  return app;
}
