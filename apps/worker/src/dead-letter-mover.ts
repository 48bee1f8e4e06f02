import { moveFailedJobs, type Producer } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";
import { startTask } from "./task.ts";

const scanEveryMs = 2_000;
const deadlineMs = 2_000;

/**
 * Moves failed jobs to the dead-letter queue by looking for them, since an event that says "failed" dies with
 * its process. Several movers at once do no harm: the copy's id is the same.
 *
 * @returns stops it
 */
export function startDeadLetterMover(context: WorkerContext): () => void {
  const { ensure, sync } = context.producers;
  return startTask(context, "dead-letter mover", scanEveryMs, async () => {
    for (const source of [ensure, sync]) await moveFrom(context, source);
  });
}

async function moveFrom(context: WorkerContext, source: Producer): Promise<void> {
  const queue = source.current();
  if (!queue) return;
  for (const letter of await moveFailedJobs(queue, context.producers["dead-letter"], deadlineMs)) {
    const { code, attempts } = letter;
    context.log.error(
      { event: "dead_letter_moved", queue: source.name, code, attempts },
      "A job is a dead letter",
    );
  }
}
