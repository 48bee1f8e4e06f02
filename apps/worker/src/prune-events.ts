import { pruneEvents } from "@rollcall/db";
import type { WorkerContext } from "./context.ts";
import { startTask } from "./task.ts";

const everyMs = 10 * 60_000;
const keepDays = 90;

/** Forgets events of the timeline that are older than 90 days, a little at a time. @returns stops it */
export function startEventPruning(context: WorkerContext): () => void {
  return startTask(context, "event pruning", everyMs, async () => {
    await pruneEvents(context.pool, keepDays);
  });
}
