import { z } from "zod";
import { listQuery } from "./admin.ts";
import { errorTable } from "./errors.ts";

/** full: everybody at Clerk, and deletions. catch-up: what changed lately. */
export const runMode = z.enum(["full", "catch-up"]);

export type RunMode = z.infer<typeof runMode>;

/**
 * waiting: nobody took it yet. running: somebody works on it, or will go on with it. The others are ends; held:
 * complete, but its deletions were too many and wait for a person.
 */
export const runState = z.enum(["waiting", "running", "succeeded", "held", "failed", "cancelled"]);

export type RunState = z.infer<typeof runState>;

const count = z.number().int().nonnegative();

/** Users by what the run did with them, or with a dry run would do. */
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

/** One reconcile run as callers see it. */
export const runView = z.object({
  id: z.number().int(),
  mode: runMode,
  dryRun: z.boolean(),
  state: runState,
  /** A person, or what started it by itself: `schedule`, `first-boot`, `catch-up`, `retry`. */
  startedBy: z.string(),
  pages: count,
  /** Users seen so far, and how many Clerk had when it began; null until it was asked. */
  seen: count,
  total: count.nullable(),
  counts: runCounts,
  /** Changes that were due long enough for a webhook to have told of them. */
  missed: count,
  cancelRequested: z.boolean(),
  /** Who confirmed the deletions that it held. */
  confirmedBy: z.string().nullable(),
  errorCode: z.enum(Object.keys(errorTable) as [keyof typeof errorTable]).nullable(),
  /** Why it failed or was held, in words for people. */
  reason: z.string().nullable(),
  requestedAt: timestamp,
  startedAt: timestamp.nullable(),
  /** When its runner last said that it lives. */
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
