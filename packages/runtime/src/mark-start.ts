import { recordProcessStart } from "@rollcall/db";
import type { Services } from "./open-services.ts";
import { startPeriodicTask } from "./periodic-task.ts";
import { version } from "./version.ts";

const retryMs = 5_000;

/**
 * Records in the timeline that this process started, for the marks of releases and restarts. While Postgres is away it tries
 * again every 5 s.
 *
 * @returns stops it
 */
export function markStart(
  context: Pick<Services, "pool" | "log" | "metrics">,
  program: "api" | "worker",
): () => Promise<void> {
  const task = { name: "mark of the start", everyMs: retryMs, startsAtOnce: true };
  const stop = startPeriodicTask(context, task, async () => {
    await recordProcessStart(context.pool, { program, version });
    void stop();
  });
  return stop;
}
