import { z } from "zod";

/**
 * How a sync job is queued. `production` is what the system does. The others lose sync jobs and are here to show
 * that the check sees it: `id-only` drops a sync job that meets an active job; `job-id` gives every job of a
 * user one id, which a kept finished job blocks.
 */
export const queueing = z.enum(["production", "id-only", "job-id"]);

/** All that a process of a stress run has to know. Handed to it as JSON. */
export const stressPlan = z.object({
  backend: z.enum(["redis", "postgres"]),
  url: z.string(),
  journal: z.string(),
  seed: z.number().int().nonnegative(),
  queueing,
  /** Over all producers. */
  addsPerSecond: z.number().positive(),
  /** Divides locks, stalled checks, retry delays and pauses, so that a short run sees many of them. */
  faster: z.number().positive(),
  /** Milliseconds since the epoch; the clock by which all processes agree on who is added now. */
  startedAtMs: z.number().int(),
  /** Whether runs fail, drag on and meet outages. */
  mishaps: z.boolean(),
});

export type StressPlan = z.infer<typeof stressPlan>;

/** A process of a stress run: its own name and randomness beside the plan. */
export const processPlan = stressPlan.extend({ name: z.string(), processSeed: z.number().int() });

export type ProcessPlan = z.infer<typeof processPlan>;

export const producerCount = 3;
export const workerCount = 3;

/** How long a worker owns a job without saying that it still lives, before `faster`. */
export const lockMs = 15_000;
