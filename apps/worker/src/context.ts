import { type ClerkGateway, createClerkGateway } from "@rollcall/clerk";
import { createPool, type Pool } from "@rollcall/db";
import {
  closeProducers,
  openProducers,
  openQueueBackend,
  type Producers,
  type QueueBackend,
} from "@rollcall/jobs";
import { createMetrics, type Logger, type Metrics } from "@rollcall/observability";
import { createQueueLog } from "@rollcall/runtime";
import {
  createUserReader,
  createUserWriter,
  decideRequestBudget,
  type NotificationTarget,
  openSessionCache,
  type ReconcileContext,
  type SyncContext,
} from "@rollcall/sync";
import type { WorkerConfig } from "./config.ts";
import { createOutageLog, type OutageLog } from "./outage-log.ts";

/** Everything that the worker's parts use; built once. */
export type WorkerContext = {
  config: WorkerConfig;
  log: Logger;
  metrics: Metrics;
  outages: OutageLog;
  pool: Pool;
  clerk: ClerkGateway;
  backend: QueueBackend;
  producers: Producers;
  sync: SyncContext;
  reconcile: ReconcileContext;
  /** Undefined when nobody wants to be told of new mentorados. */
  notificationTarget: NotificationTarget | undefined;
  close(): Promise<void>;
};

/** Builds the context. Connects in the background: a database that is down does not end the worker. */
export function createWorkerContext(config: WorkerConfig, log: Logger): WorkerContext {
  const metrics = createMetrics("worker");
  const warn = (what: string) => (error: Error) => log.warn({ err: error }, what);
  const pool = createPool({
    databaseUrl: config.DATABASE_URL,
    applicationName: "rollcall-worker",
    onIdleError: warn("Idle Postgres connection broke"),
  });
  const clerk = createClerkGateway({
    secretKey: config.CLERK_SECRET_KEY,
    apiUrl: config.CLERK_API_URL,
    onRequest: (status) => metrics.count("rollcall_clerk_requests_total", { status }),
  });
  const backend = openQueueBackend({
    redisNodes: config.REDIS_URL,
    databaseUrl: config.DATABASE_URL,
    onError: warn(`${config.REDIS_URL ? "Redis" : "Postgres"} connection for queues`),
  });
  const producers = openProducers(backend, createQueueLog(log));
  const sessionCache = openSessionCache({
    redisNodes: config.REDIS_URL,
    connection: "writer",
    ttlS: config.SESSION_CACHE_TTL_S,
    appSessionKey: config.APP_SESSION_KEY,
  });
  const defaults = {
    nomeCompleto: config.DEFAULT_NOME,
    turma: config.DEFAULT_TURMA,
    create: config.ENABLE_AUTO_CREATE,
  };

  return {
    config,
    log,
    metrics,
    outages: createOutageLog(log),
    pool,
    clerk,
    backend,
    producers,
    sync: {
      pool,
      readUser: createUserReader(clerk, pool),
      writeUser: createUserWriter(pool, defaults),
      sessionCache,
      autoCreate: config.ENABLE_AUTO_CREATE,
    },
    reconcile: {
      pool,
      clerk,
      sessionCache,
      defaults,
      budget: decideRequestBudget(config.CLERK_SECRET_KEY, config.CLERK_RATE_BUDGET),
      log,
      metrics,
    },
    notificationTarget: readNotificationTarget(config),
    close: async () => {
      await closeProducers(producers);
      sessionCache.close();
      await Promise.allSettled([backend.close(), clerk.close(), pool.end()]);
    },
  };
}

function readNotificationTarget({
  MENTORADO_CREATED_URL: url,
  MENTORADO_CREATED_SECRET: secret,
}: WorkerConfig) {
  return url !== undefined && secret !== undefined ? { url, secret } : undefined;
}
