import { readEnvironment, variables } from "@rollcall/contracts";

const shape = {
  DATABASE_URL: variables.DATABASE_URL,
  REDIS_URL: variables.REDIS_URL,
  CLERK_SECRET_KEY: variables.CLERK_SECRET_KEY.optional(),
  CLERK_API_URL: variables.CLERK_API_URL,
  ENABLE_AUTO_CREATE: variables.ENABLE_AUTO_CREATE,
  // What a change by ops makes stale.
  SESSION_CACHE_TTL_S: variables.SESSION_CACHE_TTL_S,
  APP_SESSION_KEY: variables.APP_SESSION_KEY,
  // What reconcile makes, and how fast it may ask.
  DEFAULT_TURMA: variables.DEFAULT_TURMA,
  DEFAULT_NOME: variables.DEFAULT_NOME,
  CLERK_RATE_BUDGET: variables.CLERK_RATE_BUDGET,
};

/** @throws EnvironmentError naming every variable that is missing or malformed */
export function readCliConfig(environment: Readonly<Record<string, string | undefined>>) {
  return readEnvironment(shape, environment);
}

export type CliConfig = ReturnType<typeof readCliConfig>;
