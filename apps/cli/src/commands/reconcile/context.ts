import { createLogger } from "@rollcall/observability";
import { createReconcileContext } from "@rollcall/runtime";
import type { ReconcileContext } from "@rollcall/sync";
import type { OpenCli } from "../../cli.ts";

/**
 * The context of runs in this process.
 *
 * @param onLog called with each log line from level warn, as JSON
 * @throws EnvironmentError without CLERK_SECRET_KEY
 */
export function createCliReconcileContext(
  { config, secrets, services }: OpenCli,
  onLog: (line: string) => void,
): ReconcileContext {
  const log = createLogger({ level: "warn", process: "cli", secrets, destination: { write: onLog } });
  return createReconcileContext({ ...services, log }, config);
}
