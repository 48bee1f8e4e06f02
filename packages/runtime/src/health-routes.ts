import { withTimeout } from "@rollcall/contracts";
import { countWorkers, findMissingMigrations } from "@rollcall/db";
import { watchEventLoop } from "@rollcall/observability";
import { checkPostgres, checkQueue } from "@rollcall/sync";
import type { FastifyInstance } from "fastify";
import type { Services } from "./open-services.ts";
import { shareAnswer } from "./shared-answer.ts";

/** Short, because a probe gives up soon. */
const askTimeoutMs = 1_000;
/** Anyone may call `/readyz`, so calls within a second share one answer. */
const shareForMs = 1_000;

type HealthServices = Pick<Services, "pool" | "producers" | "backend">;

/**
 * `/healthz`: 503 only while the event loop is stuck. `/readyz`: 503 when migrations are missing, or when queue and
 * Postgres are both out of reach. It names `schema` as degraded while the app's schema lacks something of ours, or while
 * migrate recorded another mapping than this process has.
 *
 * @param options.listsWorker `/readyz` names `worker` as degraded while no worker runs
 */
export function registerHealthRoutes(
  app: FastifyInstance,
  services: HealthServices,
  { listsWorker }: { listsWorker: boolean },
): void {
  const loop = watchEventLoop();
  app.addHook("onClose", async () => loop.close());
  app.get("/healthz", async (_request, reply) => {
    reply.code(loop.isStuck() ? 503 : 200);
    return { status: loop.isStuck() ? "stuck" : "ok" };
  });
  const readShared = shareAnswer(shareForMs, () => readReadiness(services, listsWorker));
  app.get("/readyz", async (_request, reply) => {
    const { ready, degraded } = await readShared();
    reply.code(ready ? 200 : 503);
    return { status: ready ? (degraded.length === 0 ? "ok" : "degraded") : "unavailable", degraded };
  });
}

async function readReadiness(
  services: HealthServices,
  listsWorker: boolean,
): Promise<{ ready: boolean; degraded: string[] }> {
  const { pool } = services;
  const [queueFailure, postgresFailure, missing, workers] = await Promise.all([
    checkQueue(services, askTimeoutMs),
    checkPostgres(pool, askTimeoutMs),
    // Undefined when Postgres does not answer, or may not be asked under this mapping.
    withTimeout(findMissingMigrations(pool), askTimeoutMs).catch(() => undefined),
    listsWorker ? withTimeout(countWorkers(pool), askTimeoutMs).catch(() => 0) : undefined,
  ]);
  const queue = queueFailure ? ["queue"] : [];
  if (missing === undefined) {
    const reason = postgresFailure?.code === "schema.changed" ? "schema" : "postgres";
    return { ready: !queueFailure, degraded: [reason, ...queue] };
  }
  if (missing.length > 0) return { ready: false, degraded: ["migrations"] };
  // A Postgres that only refuses writes still answers logins of known users.
  const postgres = postgresFailure ? ["postgres"] : [];
  // The latest periodic check: anyone may call this route.
  const schema = pool.schema.problems().length > 0 ? ["schema"] : [];
  return { ready: true, degraded: [...postgres, ...queue, ...schema, ...(workers === 0 ? ["worker"] : [])] };
}
