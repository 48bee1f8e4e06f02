import { PostgresError, readSqlState } from "@rollcall/db";
import type { WorkerContext } from "./context.ts";

/** Runs `work` every `everyMs`, never twice at once; a failure is logged and the next turn tries again. @returns stops it */
export function startTask(
  { log, metrics }: WorkerContext,
  name: string,
  everyMs: number,
  work: () => Promise<void>,
): () => void {
  let running = false;
  const turn = async () => {
    if (running) return;
    running = true;
    await work().catch((error: unknown) => {
      const code = error instanceof PostgresError ? error.sqlState : readSqlState(error);
      if (code !== undefined) metrics.count("rollcall_postgres_errors_total", { code });
      log.warn({ task: name, err: error }, "A task failed; trying again");
    });
    running = false;
  };
  const timer = setInterval(turn, everyMs);
  return () => clearInterval(timer);
}
