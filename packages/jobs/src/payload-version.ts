import { z } from "zod";

/** The newest version of a job's payload that this build reads. A build that says more in a payload, or adds a job's name or kind, raises it. */
const newest = 1;

const versioned = z.object({ v: z.int() });

/** Whether a payload comes from a build that knows more than this one: then it is no mistake, and not ours to fail. */
export function isOfNewerVersion(payload: unknown): boolean {
  const read = versioned.safeParse(payload);
  return read.success && read.data.v > newest;
}
