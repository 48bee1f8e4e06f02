import { readEnvironment, variables } from "@rollcall/contracts";

const shape = {
  DATABASE_URL: variables.DATABASE_URL,
  DATABASE_MAX_CONNECTIONS: variables.DATABASE_MAX_CONNECTIONS,
  ROLLCALL_CONFIG: variables.ROLLCALL_CONFIG,
  REDIS_URL: variables.REDIS_URL,
  QUEUE_SHARDS: variables.QUEUE_SHARDS,
  HOST: variables.HOST,
  PORT: variables.PORT,
  // Only for `GET users/:clerkId` and `GET status`. Everything else works without it.
  CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY.optional(),
  CLERK_API_URL: variables.CLERK_API_URL,
  CLERK_WEBHOOK_SIGNING_SECRET: variables.CLERK_WEBHOOK_SIGNING_SECRET,
  CLERK_JWT_KEY: variables.CLERK_JWT_KEY,
  CLERK_AUTHORIZED_PARTIES: variables.CLERK_AUTHORIZED_PARTIES,
  CLERK_ACCEPT_MISSING_AZP: variables.CLERK_ACCEPT_MISSING_AZP,
  CLERK_ISSUER: variables.CLERK_ISSUER,
  ADMIN_USERNAME: variables.ADMIN_USERNAME,
  ADMIN_PASSWORD: variables.ADMIN_PASSWORD,
  ADMIN_OPERATORS: variables.ADMIN_OPERATORS,
  ADMIN_PORT: variables.ADMIN_PORT,
  BOARD_READ_ONLY: variables.BOARD_READ_ONLY,
  METRICS_TOKEN: variables.METRICS_TOKEN,
  TRUST_PROXY: variables.TRUST_PROXY,
  ENABLE_AUTO_CREATE: variables.ENABLE_AUTO_CREATE,
  SESSION_CACHE_TTL_S: variables.SESSION_CACHE_TTL_S,
  APP_SESSION_KEY: variables.APP_SESSION_KEY,
  ENSURE_TIMEOUT_MS: variables.ENSURE_TIMEOUT_MS,
  ALERT_WEBHOOK_URL: variables.ALERT_WEBHOOK_URL,
  MESSAGES_LOCALE: variables.MESSAGES_LOCALE,
  LOG_LEVEL: variables.LOG_LEVEL,
};

/** @throws EnvironmentError that names every missing or malformed variable */
export function readApiConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readEnvironment(shape, environment);
}

export type ApiConfig = ReturnType<typeof readApiConfig>;
