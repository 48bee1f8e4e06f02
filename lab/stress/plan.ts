import { z } from "zod";

/**
 * How a sync job is queued. `production` is the product's way. The others lose jobs, to show that the check finds it.
 *
 * - `id-only` drops a sync job that meets an active job.
 * - `job-id` gives every job of a user one id. A kept finished job then blocks the next one.
 */
export const queueing = z.enum(["production", "id-only", "job-id"]);

/** The settings of a stress run. Each process gets them as JSON. */
const stressPlan = z.object({
  backend: z.enum(["redis", "postgres"]),
  url: z.string(),
  journal: z.string(),
  seed: z.number().int().nonnegative(),
  queueing,
  /** Of all producers together. */
  addsPerSecond: z.number().positive(),
  /** Divides locks, stalled checks, retry delays and pauses, so that a short run has many of them. */
  faster: z.number().positive(),
  /** Milliseconds since the epoch. From it, all processes compute the users whose turn it is. */
  startedAtMs: z.number().int(),
  /** Whether job runs fail, take long, and meet outages. */
  failures: z.boolean(),
});

export type StressPlan = z.infer<typeof stressPlan>;

/** The plan of one process: it adds a name and a seed of its own. */
export const processPlan = stressPlan.extend({ name: z.string(), processSeed: z.number().int() });

export type ProcessPlan = z.infer<typeof processPlan>;

export const producerCount = 3;
export const workerCount = 3;

/** The lock's duration before it is divided by `faster`. */
export const lockMs = 15_000;
