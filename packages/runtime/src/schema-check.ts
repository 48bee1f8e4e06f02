import type { LogEvent } from "@rollcall/contracts";
import type { Services } from "./open-services.ts";
import { startPeriodicTask } from "./periodic-task.ts";

const everyMs = 15_000;

/**
 * Checks every 15 s whether the app's schema still has what Rollcall needs, for `/readyz` and the alert. A failing
 * statement is a reason to check too. Each change is logged once.
 *
 * @returns stops it
 */
export function startSchemaCheck(services: Pick<Services, "pool" | "log" | "metrics">): () => Promise<void> {
  const { pool, log } = services;
  let known = "";
  const task = { name: "schema check", everyMs, startsAtOnce: true };
  return startPeriodicTask(services, task, async () => {
    const problems = (await pool.schema.check()).map(({ says }) => says);
    const found = problems.join("\n");
    if (found === known) return;
    known = found;
    const event: LogEvent = problems.length > 0 ? "schema_changed" : "schema_restored";
    if (problems.length > 0) log.error({ event, problems }, "The app's schema lacks what Rollcall needs");
    else log.info({ event }, "The app's schema has what Rollcall needs");
  });
}
