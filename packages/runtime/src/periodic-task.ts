import type { Logger, Metrics } from "@rollcall/observability";
import { countPostgresError } from "@rollcall/sync";

export type PeriodicTaskOptions = {
  /** For the log. */
  name: string;
  everyMs: number;
  /** Runs the first turn now instead of after `everyMs`. */
  startsAtOnce?: boolean;
};

/**
 * Runs `work` every `everyMs`, and never twice at once. A failure is logged, and the next turn tries again.
 *
 * @returns stops it, and resolves when a turn that still runs has ended
 */
export function startPeriodicTask(
  { log, metrics }: { log: Logger; metrics: Pick<Metrics, "count"> },
  { name, everyMs, startsAtOnce = false }: PeriodicTaskOptions,
  work: () => Promise<void>,
): () => Promise<void> {
  let running: Promise<void> | undefined;
  const turn = () => {
    running ??= work()
      .catch((error: unknown) => {
        countPostgresError(metrics, error);
        log.warn({ task: name, err: error }, "A task failed; trying again");
      })
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(turn, everyMs);
  if (startsAtOnce) turn();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
