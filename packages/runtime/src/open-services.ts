import { type ClerkGateway, createClerkGateway, type PartlyRead } from "@rollcall/clerk";
import { EnvironmentError } from "@rollcall/contracts";
import { createPool, type Pool, toPostgresError } from "@rollcall/db";
import {
  closeProducers,
  openProducers,
  type ProducerListener,
  type Producers,
  type QueueBackend,
} from "@rollcall/jobs";
import {
  createLogger,
  createMetrics,
  type GaugeReader,
  type Logger,
  type Metrics,
  type Telemetry,
  type Tracing,
} from "@rollcall/observability";
import {
  countPostgresError,
  decideRequestBudget,
  openSessionCache,
  type ReconcileContext,
  type SessionCache,
} from "@rollcall/sync";
import { decideConnections } from "./connection-limits.ts";
import { createGaugeReaders } from "./gauges.ts";
import { loadMapping } from "./load-mapping.ts";
import { openQueueBackend } from "./open-queue-backend.ts";

/** The programs that use services, with what differs between them. */
const programs = {
  // A login waits for the api, so it gives up early and lets a slow cache be a miss.
  api: {
    metrics: "api",
    pool: { connectTimeoutMs: 1_500, queryTimeoutMs: 1_500 },
    sessionCache: "reader",
  },
  worker: { metrics: "worker", pool: {}, sessionCache: "writer" },
  // Runs that the CLI works on count as the worker's do.
  cli: { metrics: "worker", pool: {}, sessionCache: "writer" },
} as const;

/** For the requests of operators, while logins have a shorter deadline of their own. */
const shortestWaitMs = 2_000;

/** The part of a program's configuration that its services need. */
export type ServicesConfig = {
  DATABASE_URL: string;
  DATABASE_MAX_CONNECTIONS?: number | undefined;
  ROLLCALL_CONFIG?: string | undefined;
  /** The longest wait of a login. Its statements do not wait longer for a connection. */
  ENSURE_TIMEOUT_MS?: number | undefined;
  REDIS_URL?: readonly string[] | undefined;
  QUEUE_SHARDS?: number | undefined;
  CLERK_SECRET_KEY?: string | undefined;
  CLERK_API_URL: string;
  ENABLE_AUTO_CREATE: boolean;
  SESSION_CACHE_TTL_S: number;
  APP_SESSION_KEY: string;
};

/** The services of api, worker and CLI. Functions take a `Pick` of them. */
export type Services = {
  log: Logger;
  metrics: Metrics;
  /** Undefined without a collector: work is then done without spans. */
  tracing: Tracing | undefined;
  pool: Pool;
  backend: QueueBackend;
  producers: Producers;
  /** Undefined without CLERK_SECRET_KEY. */
  clerk: ClerkGateway | undefined;
  sessionCache: SessionCache;
  /** Gauges of the whole system, for metrics and alerts. */
  gauges: readonly GaugeReader[];
  /** Whether users get a profile. */
  autoCreate: boolean;
  close(): Promise<void>;
};

export type ServicesOptions = {
  program: keyof typeof programs;
  /** By default nothing is logged. */
  log?: Logger;
  /** Of the process; stopped by `close`. */
  telemetry?: Telemetry | undefined;
  /** Called for a broken idle connection to Postgres; by default it is logged. */
  onIdleError?: (error: Error) => void;
};

/**
 * Opens Postgres, the queues, Clerk and the session cache. It returns at once and connects in the background, so a
 * program starts also while one of them is down.
 *
 * @throws EnvironmentError for a mapping that cannot be used
 */
export function openServices(config: ServicesConfig, options: ServicesOptions): Services {
  const mapping = loadMapping(config.ROLLCALL_CONFIG);
  const program = programs[options.program];
  const { log = createLogger({ level: "silent", process: options.program }) } = options;
  const { telemetry } = options;
  const tracing = telemetry?.tracing;
  const metrics = createMetrics(program.metrics, tracing);
  telemetry?.connect({ log, metrics });
  const warn = (text: string) => (error: Error) => log.warn({ err: error }, text);
  if (config.ROLLCALL_CONFIG !== undefined)
    log.info(
      { file: config.ROLLCALL_CONFIG, users: mapping.users.table, profile: mapping.profile?.table ?? null },
      "Tables of the app, by the mapping of ROLLCALL_CONFIG",
    );
  const limits = decideConnections(options.program, {
    max: config.DATABASE_MAX_CONNECTIONS,
    hasRedis: config.REDIS_URL !== undefined,
  });
  const onRefused = (error: Error) => {
    countPostgresError(metrics, toPostgresError(error));
    log.warn(
      { event: "postgres_refused_connection", err: error, ...limits },
      "Postgres grants no more connections; work waits for one. See DATABASE_MAX_CONNECTIONS",
    );
  };

  const pool = createPool({
    databaseUrl: config.DATABASE_URL,
    mapping,
    applicationName: `rollcall-${options.program}`,
    max: limits.main,
    ...(config.ENSURE_TIMEOUT_MS !== undefined && {
      waitTimeoutMs: Math.max(shortestWaitMs, config.ENSURE_TIMEOUT_MS),
    }),
    ...program.pool,
    tracing,
    onIdleError: options.onIdleError ?? warn("An idle connection to Postgres broke"),
    onRefused,
  });
  const backend = openQueueBackend({
    redisNodes: config.REDIS_URL,
    shards: config.QUEUE_SHARDS,
    databaseUrl: config.DATABASE_URL,
    max: limits.queues,
    onError: warn(`${config.REDIS_URL ? "Redis" : "Postgres"} connection for queues`),
    onRefused,
  });
  const producers = openProducers(backend, createQueueLog(log), tracing);
  const sessionCache = openSessionCache({
    redisNodes: config.REDIS_URL,
    connection: program.sessionCache,
    ttlS: config.SESSION_CACHE_TTL_S,
    appSessionKey: config.APP_SESSION_KEY,
    tracing,
    hasMappedProfile: pool.tables.profile?.isDefault === false,
    hasOrganizations: pool.tables.organizations !== undefined,
  });
  const clerk =
    config.CLERK_SECRET_KEY === undefined
      ? undefined
      : createClerkGateway({
          secretKey: config.CLERK_SECRET_KEY,
          apiUrl: config.CLERK_API_URL,
          tracing,
          onRequest: (status) => metrics.count("rollcall_clerk_requests_total", { status }),
          onPartlyRead: reportPartlyRead(log, metrics),
        });

  return {
    log,
    metrics,
    tracing,
    pool,
    backend,
    producers,
    clerk,
    sessionCache,
    gauges: createGaugeReaders(pool, backend),
    autoCreate: config.ENABLE_AUTO_CREATE && pool.tables.profile !== undefined,
    close: async () => {
      await closeProducers(producers);
      sessionCache.close();
      await Promise.allSettled([backend.close(), clerk?.close(), pool.end()]);
      // Last, so that the spans and lines of the stop are sent too.
      await telemetry?.stop();
    },
  };
}

const mostLoggedIds = 20;

/** Counts fields that could not be read, and logs them once for each answer: a page may hold 500 such entries. */
function reportPartlyRead(log: Logger, metrics: Metrics) {
  return (entries: readonly PartlyRead[]): void => {
    for (const { fields } of entries)
      for (const field of fields) metrics.count("rollcall_clerk_unreadable_fields_total", { field });
    const line = {
      event: "clerk_fields_unreadable",
      fields: [...new Set(entries.flatMap(({ fields }) => fields))],
      clerkIds: entries.slice(0, mostLoggedIds).map(({ clerkId }) => clerkId),
      entries: entries.length,
    } as const;
    log.warn(line, "Fields at Clerk have an unexpected form and are left out");
  };
}

function createQueueLog(log: Logger): ProducerListener {
  return {
    onConnected: (queue, shard) =>
      log.info({ event: "queue_connected", queue, ...(shard > 0 && { shard }) }, "Queue connected"),
    onError: (queue, error) => log.warn({ event: "queue_lost", queue, err: error }, "Queue not reached"),
  };
}

/** The part of a program's configuration that reconcile needs besides its services. */
export type ReconcileConfig = Pick<ServicesConfig, "CLERK_SECRET_KEY" | "ENABLE_AUTO_CREATE"> & {
  DEFAULT_NOME: string;
  DEFAULT_TURMA: string;
  CLERK_RATE_BUDGET: number;
  RECONCILE_CONCURRENCY: number;
};

/** Services as reconcile runs take them. @throws EnvironmentError without CLERK_SECRET_KEY */
export function createReconcileContext(
  {
    pool,
    clerk,
    sessionCache,
    log,
    metrics,
    tracing,
  }: Pick<Services, "pool" | "clerk" | "sessionCache" | "log" | "metrics" | "tracing">,
  config: ReconcileConfig,
): ReconcileContext {
  if (!clerk || config.CLERK_SECRET_KEY === undefined) {
    throw new EnvironmentError(["CLERK_SECRET_KEY is missing: reconcile reads every user at Clerk"]);
  }
  return {
    pool,
    clerk,
    sessionCache,
    defaults: {
      nomeCompleto: config.DEFAULT_NOME,
      turma: config.DEFAULT_TURMA,
      create: config.ENABLE_AUTO_CREATE && pool.tables.profile !== undefined,
    },
    budget: decideRequestBudget(config.CLERK_SECRET_KEY, config.CLERK_RATE_BUDGET),
    concurrency: config.RECONCILE_CONCURRENCY,
    log,
    metrics,
    tracing,
  };
}
