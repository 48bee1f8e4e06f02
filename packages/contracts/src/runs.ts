import { z } from "zod";
import { listOf, listQuery } from "./admin.ts";
import { errorTable } from "./errors.ts";
import { rowClerkId } from "./ids.ts";

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

/** Numbers of users, and of organizations and memberships while these are on, by what the run did, or what a dry run would do. */
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
  /** An operator, or `schedule`, `first-boot`, `catch-up`, `retry`, `migrate` or `emptied-queue`. */
  startedBy: z.string(),
  pages: count,
  /** The entries compared so far, and Clerk's number of them when the run began; null until Clerk has answered. As in `counts`. */
  seen: count,
  total: count.nullable(),
  counts: runCounts,
  /** Changes that are so old that a webhook should have reported them. */
  missed: count,
  cancelRequested: z.boolean(),
  /** The operator that confirmed the held deletions. */
  confirmedBy: z.string().nullable(),
  /** The last confirmation, and how many deletions the first one was for; null once the timeline has forgotten it. */
  confirmation: z.object({ at: timestamp, held: count }).nullable(),
  /** Whether a later full sync compared every user again, so that what this run holds cannot be confirmed any more. */
  superseded: z.boolean(),
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

/**
 * A user, an organization or a membership that a dry run would change. `failed`: Postgres would refuse it, for the reason
 * `code`.
 */
export const runDifference = z.object({
  /** Of a membership: its user. */
  clerkId: rowClerkId,
  /** Of a membership alone: its organization. */
  clerkOrgId: z.string().optional(),
  /** Null for a user without a row. */
  name: z.string().nullable(),
  kind: z.enum(["created", "linked", "updated", "deleted", "held", "failed"]),
  code: z.string().nullable(),
});

export type RunDifference = z.infer<typeof runDifference>;

/** `GET runs/:id/differences`. */
export const runDifferences = listOf(runDifference).extend({
  /** False if more users would change than are kept, or if the differences were removed because newer dry runs exist. */
  complete: z.boolean(),
});

/** A user whose deletion waits for an operator. */
export const heldDeletion = z.object({
  clerkId: rowClerkId,
  name: z.string().nullable(),
  email: z.string().nullable(),
  heldAt: timestamp,
});

export type HeldDeletion = z.infer<typeof heldDeletion>;

/** A schedule of reconcile runs: five fields of cron in UTC, or an interval. */
export const scheduleView = z.object({
  mode: runMode,
  pattern: z.string().nullable(),
  everyMs: z.number().int().nullable(),
  /** The newest run of this mode that writes, on schedule or not. */
  lastRun: runView.nullable(),
  /** Null while the queue has no schedule: a worker adds it within seconds. */
  nextAt: timestamp.nullable(),
});

export type ScheduleView = z.infer<typeof scheduleView>;
