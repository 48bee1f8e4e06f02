import { z } from "zod";

/**
 * The newest payload version that this version of Rollcall reads. A change that adds a payload field, a job name or a
 * sync job kind raises it.
 */
const newest = 2;

const versioned = z.object({ v: z.int() });

/** Whether a newer version of Rollcall made the payload. Such a job is no failure: a newer worker can run it. */
export function isOfNewerVersion(payload: unknown): boolean {
  const read = versioned.safeParse(payload);
  return read.success && read.data.v > newest;
}
