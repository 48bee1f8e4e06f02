import { type Mapping, readEnvironment, variables } from "@rollcall/contracts";
import { loadMapping } from "@rollcall/runtime";

const shape = {
  DATABASE_URL: variables.DATABASE_URL,
  DATABASE_MAX_CONNECTIONS: variables.DATABASE_MAX_CONNECTIONS,
  ROLLCALL_CONFIG: variables.ROLLCALL_CONFIG,
  REDIS_URL: variables.REDIS_URL,
  QUEUE_SHARDS: variables.QUEUE_SHARDS,
  CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY.optional(),
  CLERK_API_URL: variables.CLERK_API_URL,
  ENABLE_AUTO_CREATE: variables.ENABLE_AUTO_CREATE,
  // To delete cached sessions after a change by an operator.
  SESSION_CACHE_TTL_S: variables.SESSION_CACHE_TTL_S,
  APP_SESSION_KEY: variables.APP_SESSION_KEY,
  // For reconcile: new profiles, the ranges walked at once, and the share of Clerk's rate limit.
  DEFAULT_TURMA: variables.DEFAULT_TURMA,
  DEFAULT_NOME: variables.DEFAULT_NOME,
  RECONCILE_CONCURRENCY: variables.RECONCILE_CONCURRENCY,
  CLERK_RATE_BUDGET: variables.CLERK_RATE_BUDGET,
};

/** The variables that a command reads. */
export const commandVariables: readonly string[] = Object.keys(shape);

/** @throws EnvironmentError naming every variable that is missing or malformed */
export function readCliConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readEnvironment(shape, environment);
}

/**
 * The mapping alone, for commands that print what belongs to it and open no service.
 *
 * @throws EnvironmentError
 */
export function readMapping(environment: Readonly<Record<string, string | undefined>>): Mapping {
  const { ROLLCALL_CONFIG } = readEnvironment({ ROLLCALL_CONFIG: variables.ROLLCALL_CONFIG }, environment);
  return loadMapping(ROLLCALL_CONFIG);
}

export type CliConfig = ReturnType<typeof readCliConfig>;
