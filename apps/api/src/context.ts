import {
  createClerkGateway,
  createDeliveryReader,
  createSessionVerifier,
  type DeliveryReader,
  type SessionVerifier,
} from "@rollcall/clerk";
import { createPool, type Pool } from "@rollcall/db";
import {
  closeProducers,
  openProducers,
  openQueueBackend,
  type Producers,
  type QueueBackend,
} from "@rollcall/jobs";
import { createMetrics, type Logger, type Metrics } from "@rollcall/observability";
import { createGaugeReaders, createQueueLog, type GaugeReader } from "@rollcall/runtime";
import {
  type ChangeContext,
  countPostgresError,
  type EnsureContext,
  type ExplainContext,
  openSessionCache,
  type PostgresMonitor,
  type StatusContext,
  startPostgresMonitor,
} from "@rollcall/sync";
import type { ApiConfig } from "./config.ts";

/** Everything that a route may use; built once, passed to each plugin. */
export type ApiContext = {
  config: ApiConfig;
  log: Logger;
  metrics: Metrics;
  pool: Pool;
  postgres: PostgresMonitor;
  backend: QueueBackend;
  producers: Producers;
  /** What is true of the whole system, for metrics and alerts. */
  figures: readonly GaugeReader[];
  ensure: EnsureContext;
  explain: ExplainContext;
  change: ChangeContext;
  status: StatusContext;
  verifySession: SessionVerifier;
  /** Undefined without a signing secret: then webhooks are not configured. */
  readDelivery: DeliveryReader | undefined;
  close(): Promise<void>;
};

/** Builds the context. Connects in the background: a database that is down does not keep the api from starting. */
export function createApiContext(config: ApiConfig, log: Logger): ApiContext {
  const metrics = createMetrics("api");
  const warn = (what: string) => (error: Error) => log.warn({ err: error }, what);

  const pool = createPool({
    databaseUrl: config.DATABASE_URL,
    applicationName: "rollcall-api",
    max: 20,
    connectTimeoutMs: 1_500,
    queryTimeoutMs: 1_500,
    onIdleError: () => postgres.check(),
  });
  const postgres = startPostgresMonitor(pool, (down, reason) => {
    if (down) log.error({ event: "postgres_lost", err: reason }, "Postgres does not answer");
    else log.info({ event: "postgres_back" }, "Postgres answers");
  });

  const backend = openQueueBackend({
    redisNodes: config.REDIS_URL,
    databaseUrl: config.DATABASE_URL,
    onError: warn(`${config.REDIS_URL ? "Redis" : "Postgres"} connection for queues`),
  });
  const producers = openProducers(backend, createQueueLog(log));

  const sessionCache = openSessionCache({
    redisNodes: config.REDIS_URL,
    connection: "reader",
    ttlS: config.SESSION_CACHE_TTL_S,
    appSessionKey: config.APP_SESSION_KEY,
  });

  const clerk =
    config.CLERK_SECRET_KEY === undefined
      ? undefined
      : createClerkGateway({
          secretKey: config.CLERK_SECRET_KEY,
          apiUrl: config.CLERK_API_URL,
          onRequest: (status) => metrics.count("rollcall_clerk_requests_total", { status }),
        });

  return {
    config,
    log,
    metrics,
    pool,
    postgres,
    backend,
    producers,
    figures: createGaugeReaders(pool, backend),
    ensure: {
      pool,
      postgres,
      sessionCache,
      queue: producers.ensure,
      autoCreate: config.ENABLE_AUTO_CREATE,
      timeoutMs: config.ENSURE_TIMEOUT_MS,
      onCacheRead: (result) => metrics.count("rollcall_session_cache_total", { result }),
      onFailure: (error) => countPostgresError(metrics, error),
      onCacheWithoutProfile: (clerkId) =>
        log.warn({ event: "cache_hit_no_mentorado", clerkId }, "cache hit but mentorado missing"),
    },
    explain: {
      pool,
      clerk,
      queues: [producers.ensure, producers.sync],
      deadLetters: producers["dead-letter"],
      autoCreate: config.ENABLE_AUTO_CREATE,
    },
    change: { pool, sessionCache, queue: producers.sync },
    status: {
      pool,
      clerk,
      queues: [producers.ensure, producers.sync, producers.reconcile],
      deadLetters: producers["dead-letter"],
      backend: backend.kind,
      autoCreate: config.ENABLE_AUTO_CREATE,
    },
    verifySession: createSessionVerifier({
      jwtKey: config.CLERK_JWT_KEY,
      authorizedParties: config.CLERK_AUTHORIZED_PARTIES,
    }),
    readDelivery:
      config.CLERK_WEBHOOK_SIGNING_SECRET && createDeliveryReader(config.CLERK_WEBHOOK_SIGNING_SECRET),
    close: async () => {
      postgres.close();
      await closeProducers(producers);
      sessionCache.close();
      await Promise.allSettled([backend.close(), clerk?.close(), pool.end()]);
    },
  };
}
