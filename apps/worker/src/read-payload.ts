import { readErrorCode } from "@rollcall/contracts";
import type { QueuedJob } from "@rollcall/jobs";
import { UnrecoverableError } from "bullmq";
import type { WorkerContext } from "./context.ts";

/** Reads a job's payload with `read`. @throws UnrecoverableError, since another attempt would find the same payload */
export function readPayload<Payload>(
  { log }: Pick<WorkerContext, "log">,
  job: QueuedJob,
  read: (payload: unknown) => Payload,
): Payload {
  try {
    return read(job.data);
  } catch (error) {
    log.error({ jobId: job.id, err: error }, "A job could not be read");
    throw new UnrecoverableError(readErrorCode(error));
  }
}
