import { countPostgresError } from "@rollcall/sync";
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
      countPostgresError(metrics, error);
      log.warn({ task: name, err: error }, "A task failed; trying again");
    });
    running = false;
  };
  const timer = setInterval(turn, everyMs);
  return () => clearInterval(timer);
}
