import { z } from "zod";
import { growthDay, growthHour } from "./growth.ts";
import { runView } from "./runs.ts";
import { systemStatus } from "./status.ts";

const count = z.number().int().nonnegative();
const timestamp = z.iso.datetime({ offset: true });

/** The problems that need an operator, the most urgent first. `status` has a sentence for each. */
export const problemCodes = [
  "postgres_down",
  "postgres_refuses_writes",
  "queue_down",
  "migrations_missing",
  "schema_changed",
  "no_worker",
  "logins_refused",
  "clerk_down",
  "clerk_refused",
  "dead_letters",
  "run_failed",
  "deletions_held",
  "profiles_missing",
  "alerts_firing",
  "forwarded_untrusted",
  "conflicts_open",
] as const;

export const problemCode = z.enum(problemCodes);

export type ProblemCode = z.infer<typeof problemCode>;

/** A problem that needs an operator: its code, how many things it concerns, and the facts for a sentence. */
export const problem = z.object({
  code: problemCode,
  count: count.nullable(),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())])),
  /** What helps: a page of the console, a command, or the runbook alone. */
  helps: z.object({
    /** The path below `/admin`, such as `/dead-letters` or `/runs/7`. */
    page: z.string().nullable(),
    command: z.string().nullable(),
  }),
});

export type Problem = z.infer<typeof problem>;

/** The start of a process. release: with another version than the program's start before. */
export const processMark = z.object({
  at: timestamp,
  program: z.string(),
  version: z.string(),
  kind: z.enum(["release", "restart"]),
});

export type ProcessMark = z.infer<typeof processMark>;

/** Quantiles come from a histogram, so they may be up to 9 % off. */
export const timeToProfileDay = z.object({
  day: z.iso.date(),
  p50Ms: z.number().int().nonnegative(),
  p95Ms: z.number().int().nonnegative(),
  /** Users that signed up after the installation and got their first profile on this day. */
  count,
});

export const webhookHour = z.object({
  hour: timestamp,
  /** Deliveries with a valid signature. */
  arrived: count,
  /** Changes that were committed more than a minute after they happened at Clerk. */
  late: count,
  /** Changes that the incremental sync found although a webhook should have reported them. */
  caughtUp: count,
});

const oldestS = z.number().nonnegative();

/** `GET overview`. It never fails: a part is null while its source is away. */
export const overview = z.object({
  at: timestamp,
  attention: z.array(problem),
  users: systemStatus.shape.users,
  /** 30 days in UTC and 48 hours, oldest first. */
  signUps: z.object({ day: z.array(growthDay), hour: z.array(growthHour) }).nullable(),
  timeToProfile: z.array(timeToProfileDay).nullable(),
  /** 24 hours, oldest first. */
  webhooks: z.array(webhookHour).nullable(),
  queueAge: z.object({
    now: z.array(z.object({ queue: z.string(), oldestS })).nullable(),
    /** The highest age in each five minutes of 24 hours. Times without a measurement are left out. */
    history: z.array(z.object({ at: timestamp, oldestS })).nullable(),
  }),
  /** The newest full syncs, then the newest incremental sync. */
  runs: z.array(runView).nullable(),
  /** The starts of processes within 30 days, oldest first, at most 200. */
  marks: z.array(processMark).nullable(),
  sources: z.object({
    postgres: systemStatus.shape.postgres,
    queue: systemStatus.shape.queue.shape.state,
    clerk: systemStatus.shape.clerk.shape.state,
    /** Worker processes that were alive within the last minute. */
    workers: systemStatus.shape.workers,
  }),
});

export type Overview = z.infer<typeof overview>;
