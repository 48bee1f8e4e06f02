import { withTimeout } from "@rollcall/contracts";
import { countWorkers, findMissingMigrations } from "@rollcall/db";
import { watchEventLoop } from "@rollcall/observability";
import { isQueueUp } from "@rollcall/sync";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "./context.ts";

type Readiness = { ready: boolean; degraded: string[] };

const askTimeoutMs = 1_000;

/** `/healthz`: 503 only while the process is stuck. `/readyz`: it can accept or answer something. */
export function registerHealthRoutes(app: FastifyInstance, context: ApiContext): void {
  const loop = watchEventLoop();
  app.addHook("onClose", async () => loop.close());
  app.get("/healthz", async (_request, reply) => {
    reply.code(loop.isStuck() ? 503 : 200);
    return { status: loop.isStuck() ? "stuck" : "ok" };
  });
  app.get("/readyz", async (_request, reply) => {
    const { ready, degraded } = await readReadiness(context);
    reply.code(ready ? 200 : 503);
    return { status: ready ? (degraded.length === 0 ? "ok" : "degraded") : "unavailable", degraded };
  });
}

async function readReadiness({ pool, producers }: ApiContext): Promise<Readiness> {
  const [queueUp, missing, workers] = await Promise.all([
    isQueueUp(producers.sync, askTimeoutMs),
    // Undefined when Postgres does not answer.
    withTimeout(findMissingMigrations(pool), askTimeoutMs).catch(() => undefined),
    withTimeout(countWorkers(pool), askTimeoutMs).catch(() => 0),
  ]);
  if (missing === undefined) {
    return { ready: queueUp, degraded: queueUp ? ["postgres"] : ["postgres", "queue"] };
  }
  if (missing.length > 0) return { ready: false, degraded: ["migrations"] };
  return {
    ready: true,
    degraded: [...(queueUp ? [] : ["queue"]), ...(workers > 0 ? [] : ["worker"])],
  };
}
