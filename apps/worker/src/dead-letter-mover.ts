import { moveFailedJobs, type Producer } from "@rollcall/jobs";
import type { WorkerContext } from "./context.ts";

const scanEveryMs = 2_000;
const deadlineMs = 2_000;

/**
 * Moves failed jobs to the dead-letter queue by looking for them, since an event that says "failed" dies with
 * its process. Several movers at once do no harm: the copy's id is the same.
 *
 * @returns stops it
 */
export function startDeadLetterMover(context: WorkerContext): () => void {
  const { producers } = context;
  let moving = false;
  const scan = async () => {
    if (moving) return;
    moving = true;
    for (const source of [producers.ensure, producers.sync]) await moveFrom(context, source);
    moving = false;
  };
  const timer = setInterval(scan, scanEveryMs);
  return () => clearInterval(timer);
}

async function moveFrom(context: WorkerContext, source: Producer): Promise<void> {
  const queue = source.current();
  if (!queue) return;
  try {
    for (const letter of await moveFailedJobs(queue, context.producers["dead-letter"], deadlineMs)) {
      const { code, attempts } = letter;
      context.log.error(
        { event: "dead_letter_moved", queue: source.name, code, attempts },
        "A job is a dead letter",
      );
    }
  } catch (error) {
    context.log.warn({ queue: source.name, err: error }, "Dead letters could not be moved; trying again");
  }
}
