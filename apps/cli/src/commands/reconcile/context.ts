import { EnvironmentError } from "@rollcall/contracts";
import { createLogger, createMetrics } from "@rollcall/observability";
import { decideRequestBudget, type ReconcileContext } from "@rollcall/sync";
import type { CliConfig } from "../../config.ts";
import type { CliContext } from "../../context.ts";

/**
 * The context of runs in this process.
 *
 * @param onLog called with each log line from level warn, as JSON
 * @throws EnvironmentError without CLERK_SECRET_KEY
 */
export function createReconcileContext(
  config: CliConfig,
  { pool, explain, change }: CliContext,
  onLog: (line: string) => void,
): ReconcileContext {
  const { CLERK_SECRET_KEY: secretKey } = config;
  if (!explain.clerk || secretKey === undefined) {
    throw new EnvironmentError(["CLERK_SECRET_KEY is missing: reconcile asks Clerk for every user"]);
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
