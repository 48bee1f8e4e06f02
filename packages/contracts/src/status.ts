import { z } from "zod";
import { runView } from "./runs.ts";

const count = z.number().int().nonnegative();

/** What ops look at first. Null is what nobody could tell, because what knows it is away. */
export const systemStatus = z.object({
  /** One sentence for each thing that a person should look at; none of them: all is well. */
  problems: z.array(z.string()),
  postgres: z.enum(["up", "down"]),
  queue: z.object({ backend: z.enum(["redis", "postgres"]), state: z.enum(["up", "down"]) }),
  /** `refused`: Clerk does not take the key. */
  clerk: z.object({
    state: z.enum(["up", "down", "refused", "not_configured"]),
    users: count.nullable(),
  }),
  /** Migrations that this build needs and the database lacks. */
  missingMigrations: z.array(z.string()).nullable(),
  /** Worker processes that were alive within the last minute. */
  workers: count.nullable(),
  queues: z.array(
    z.object({ name: z.string(), waiting: count, active: count, delayed: count, failed: count }),
  ),
  users: z
    .object({
      /** Neither banned nor deleted. */
      live: count,
      /** Live, no admin, and still without a profile. Null when counting them took too long. */
      withoutProfile: count.nullable(),
      banned: count,
      deleted: count,
    })
    .nullable(),
  deadLetters: count.nullable(),
  conflictsOpen: count.nullable(),
  /** Deletions that wait for a person to confirm them. */
  deletionsHeld: count.nullable(),
  /** Alerts that fire, by name. */
  alertsFiring: z.array(z.string()),
  /** The latest reconcile run of each mode. */
  runs: z.array(runView),
});

export type SystemStatus = z.infer<typeof systemStatus>;
