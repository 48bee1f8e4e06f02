import { EnvironmentError } from "@rollcall/contracts";
import { createLogger, createMetrics } from "@rollcall/observability";
import { decideRequestBudget, type ReconcileContext } from "@rollcall/sync";
import type { CliConfig } from "./config.ts";
import type { CliContext } from "./context.ts";

/**
 * What runs work with, in this process.
 *
 * @param onLog told of each line of the log from warnings on, as JSON
 * @throws EnvironmentError without Clerk's key
 */
export function createReconcileContext(
  config: CliConfig,
  { pool, explain, change }: CliContext,
  onLog: (line: string) => void,
): ReconcileContext {
  const { CLERK_SECRET_KEY: secretKey } = config;
  if (!explain.clerk || secretKey === undefined) {
    throw new EnvironmentError(["CLERK_SECRET_KEY is missing: reconcile asks Clerk for all of its users"]);
  }
  return {
    pool,
    clerk: explain.clerk,
    sessionCache: change.sessionCache,
    defaults: {
      nomeCompleto: config.DEFAULT_NOME,
      turma: config.DEFAULT_TURMA,
      create: config.ENABLE_AUTO_CREATE,
    },
    budget: decideRequestBudget(secretKey, config.CLERK_RATE_BUDGET),
    log: createLogger({ level: "warn", process: "cli", destination: { write: onLog } }),
    metrics: createMetrics("worker"),
  };
}
