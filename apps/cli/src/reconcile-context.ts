import { createLogger } from "@rollcall/observability";
import { createReconcileContext as createContext } from "@rollcall/runtime";
import type { ReconcileContext } from "@rollcall/sync";
import type { CliConfig } from "./config.ts";
import type { CliContext } from "./context.ts";

/**
 * What runs work with, in this process.
 *
 * @param onLog gets each line of the log from warnings on, as JSON
 * @throws EnvironmentError without CLERK_SECRET_KEY
 */
export function createReconcileContext(
  config: CliConfig,
  context: CliContext,
  onLog: (line: string) => void,
): ReconcileContext {
  const log = createLogger({ level: "warn", process: "cli", destination: { write: onLog } });
  return createContext({ ...context, log }, config);
}
