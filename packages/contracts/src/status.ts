import { z } from "zod";
import { runView } from "./runs.ts";

const count = z.number().int().nonnegative();

/** The state of the whole system. A value is null while its source is away. */
export const systemStatus = z.object({
  /** One sentence for each problem that needs an operator. */
  problems: z.array(z.string()),
  postgres: z.enum(["up", "down"]),
  queue: z.object({ backend: z.enum(["redis", "postgres"]), state: z.enum(["up", "down"]) }),
  /** `refused`: Clerk refuses the key. */
  clerk: z.object({
    state: z.enum(["up", "down", "refused", "not_configured"]),
    users: count.nullable(),
  }),
  /** Migrations that this version needs and the database lacks. */
  missingMigrations: z.array(z.string()).nullable(),
  /** Differences between the app's two tables and what Rollcall needs, one line each. */
  schemaProblems: z.array(z.string()).nullable(),
  /** Worker processes that were alive within the last minute. */
  workers: count.nullable(),
  /** Whether an api process ignores the header of a proxy, because TRUST_PROXY is unset. */
  forwardedUntrusted: z.boolean().nullable(),
  queues: z.array(
    z.object({ name: z.string(), waiting: count, active: count, delayed: count, failed: count }),
  ),
  users: z
    .object({
      /** Neither banned nor deleted. */
      live: count,
      /** Live users without a profile, admins left out. Null when counting took too long. */
      withoutProfile: count.nullable(),
      banned: count,
      deleted: count,
      /** When the four were counted, if that takes long; null for numbers of this moment. */
      countedAt: z.iso.datetime({ offset: true }).nullable(),
    })
    .nullable(),
  /** Logins of the last 15 minutes, and the refused ones by outcome of `rollcall_ensure_total`. */
  logins: z.object({ answered: count, refused: z.record(z.string(), count) }).nullable(),
  deadLetters: count.nullable(),
  conflictsOpen: count.nullable(),
  /** Deletions that wait for confirmation. */
  deletionsHeld: count.nullable(),
  /** The run whose deletions can be confirmed; null without one. */
  heldRunId: z.number().int().nullable(),
  /** The names of firing alerts. */
  alertsFiring: z.array(z.string()),
  /** The latest reconcile run of each mode. */
  runs: z.array(runView),
});

export type SystemStatus = z.infer<typeof systemStatus>;
