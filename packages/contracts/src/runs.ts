import { z } from "zod";
import { listQuery } from "./admin.ts";
import { errorTable } from "./errors.ts";

/** full: compares every user at Clerk, deletions included. catch-up: reads the latest changes. */
export const runMode = z.enum(["full", "catch-up"]);

export type RunMode = z.infer<typeof runMode>;

/**
 * waiting: no process works on it yet. running: a process works on it, or will continue it. The others are final. held:
 * complete, but its deletions are too many and wait for an operator to confirm them.
 */
export const runState = z.enum(["waiting", "running", "succeeded", "held", "failed", "cancelled"]);

export type RunState = z.infer<typeof runState>;

const count = z.number().int().nonnegative();

/** Numbers of users by what the run did, or what a dry run would do. */
export const runCounts = z.object({
  created: count,
  linked: count,
  updated: count,
  unchanged: count,
  deleted: count,
  held: count,
  failed: count,
});

export type RunCounts = z.infer<typeof runCounts>;

const timestamp = z.iso.datetime({ offset: true });

/** A reconcile run. */
export const runView = z.object({
  id: z.number().int(),
  mode: runMode,
  dryRun: z.boolean(),
  state: runState,
  /** An operator, or `schedule`, `first-boot`, `catch-up` or `retry`. */
  startedBy: z.string(),
  pages: count,
  /** The users compared so far, and the users at Clerk when the run began; null until Clerk has answered. */
  seen: count,
  total: count.nullable(),
  counts: runCounts,
  /** Changes that are so old that a webhook should have reported them. */
  missed: count,
  cancelRequested: z.boolean(),
  /** The operator that confirmed the held deletions. */
  confirmedBy: z.string().nullable(),
  errorCode: z.enum(Object.keys(errorTable) as [keyof typeof errorTable]).nullable(),
  /** Why the run failed or was held, for people. */
  reason: z.string().nullable(),
  requestedAt: timestamp,
  startedAt: timestamp.nullable(),
  /** The last heartbeat of the process that works on it. */
  heartbeatAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
});

export type RunView = z.infer<typeof runView>;

/** `POST reconcile`. */
export const reconcileRequest = z.strictObject({
  mode: runMode.default("full"),
  dryRun: z.boolean().default(false),
});

export const runQuery = listQuery.extend({ mode: runMode.optional() });
