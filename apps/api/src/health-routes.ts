import { countWorkers, findMissingMigrations } from "@rollcall/db";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "./context.ts";

type Readiness = { ready: boolean; degraded: string[] };

const askTimeoutMs = 1_000;

/** `/healthz`: the process lives. `/readyz`: it can accept or answer something. */
export function registerHealthRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const { ready, degraded } = await readReadiness(context);
    reply.code(ready ? 200 : 503);
    return { status: ready ? (degraded.length === 0 ? "ok" : "degraded") : "unavailable", degraded };
  });
}

async function readReadiness(context: ApiContext): Promise<Readiness> {
  const [queueUp, missing] = await Promise.all([isQueueUp(context), findMissing(context)]);
  if (missing === undefined) {
    return { ready: queueUp, degraded: queueUp ? ["postgres"] : ["postgres", "queue"] };
  }
  if (missing.length > 0) return { ready: false, degraded: ["migrations"] };
  const workers = await countWorkers(context.pool).catch(() => 0);
  return {
    ready: true,
    degraded: [...(queueUp ? [] : ["queue"]), ...(workers > 0 ? [] : ["worker"])],
  };
}

/** Undefined when Postgres does not answer. */
function findMissing({ pool }: ApiContext): Promise<string[] | undefined> {
  return findMissingMigrations(pool).catch(() => undefined);
}

async function isQueueUp({ producers }: ApiContext): Promise<boolean> {
  const queue = producers.sync.current();
  if (!queue) return false;
  const timeUp = new Promise<false>((resolve) => setTimeout(resolve, askTimeoutMs, false).unref());
  return Promise.race([queue.getWaitingCount().then(() => true), timeUp]).catch(() => false);
}
