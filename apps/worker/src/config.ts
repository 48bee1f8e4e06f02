import { readEnvironment, variables } from "@rollcall/contracts";

const shape = {
  DATABASE_URL: variables.DATABASE_URL,
  DATABASE_MAX_CONNECTIONS: variables.DATABASE_MAX_CONNECTIONS,
  ROLLCALL_CONFIG: variables.ROLLCALL_CONFIG,
  REDIS_URL: variables.REDIS_URL,
  QUEUE_SHARDS: variables.QUEUE_SHARDS,
  HOST: variables.HOST,
  WORKER_PORT: variables.WORKER_PORT,
  CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY,
  CLERK_API_URL: variables.CLERK_API_URL,
  ENABLE_AUTO_CREATE: variables.ENABLE_AUTO_CREATE,
  DEFAULT_TURMA: variables.DEFAULT_TURMA,
  DEFAULT_NOME: variables.DEFAULT_NOME,
  SESSION_CACHE_TTL_S: variables.SESSION_CACHE_TTL_S,
  APP_SESSION_KEY: variables.APP_SESSION_KEY,
  RECONCILE_FULL_CRON: variables.RECONCILE_FULL_CRON,
  RECONCILE_CATCHUP_EVERY_MS: variables.RECONCILE_CATCHUP_EVERY_MS,
  RECONCILE_CONCURRENCY: variables.RECONCILE_CONCURRENCY,
  CLERK_RATE_BUDGET: variables.CLERK_RATE_BUDGET,
  MENTORADO_CREATED_URL: variables.MENTORADO_CREATED_URL,
  MENTORADO_CREATED_SECRET: variables.MENTORADO_CREATED_SECRET,
  ALERT_WEBHOOK_URL: variables.ALERT_WEBHOOK_URL,
  METRICS_TOKEN: variables.METRICS_TOKEN,
  MESSAGES_LOCALE: variables.MESSAGES_LOCALE,
  LOG_LEVEL: variables.LOG_LEVEL,
};

/** @throws EnvironmentError that names every missing or malformed variable */
export function readWorkerConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readEnvironment(shape, environment);
}

export type WorkerConfig = ReturnType<typeof readWorkerConfig>;
