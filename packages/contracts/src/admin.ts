import { z } from "zod";
import { mentoradoView, userView } from "./ensure.ts";
import { clerkUserId } from "./ids.ts";

/** Every admin list: the items, and the cursor of the next page. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** The query of every admin list. */
export const listQuery = z.object({
  cursor: z
    .string()
    .regex(/^\d{1,18}$/, "must be a nextCursor of an earlier answer")
    .optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

const timestamp = z.iso.datetime({ offset: true });

export const conflictState = z.enum(["open", "resolved", "dismissed", "settled"]);

/** Profiles that may belong to a user, for an operator to decide. It holds ids only. */
export const conflictView = z.object({
  id: z.number().int(),
  clerkId: clerkUserId,
  userId: z.number().int(),
  reason: z.string(),
  candidateIds: z.array(z.number().int()),
  profileId: z.number().int().nullable(),
  state: conflictState,
  openedAt: timestamp,
  evaluatedAt: timestamp,
  closedAt: timestamp.nullable(),
  closedBy: z.string().nullable(),
});

export type ConflictView = z.infer<typeof conflictView>;

export const conflictQuery = listQuery.extend({ state: conflictState.default("open") });

/** `POST conflicts/:id/resolve`: links this profile to the user, or dismisses the conflict. */
export const conflictResolution = z.union([
  z.strictObject({
    mentoradoId: z.number().int().positive(),
    /** Required when the user's present profile was used already. It is then unlinked, not removed. */
    discardProfile: z.boolean().default(false),
  }),
  z.strictObject({ dismiss: z.literal(true) }),
]);

export type ConflictResolution = z.infer<typeof conflictResolution>;

/** An event of a user's timeline. It holds codes and ids only. */
export const eventView = z.object({
  id: z.number().int(),
  at: timestamp,
  kind: z.string(),
  cause: z.string(),
  ref: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

export type EventView = z.infer<typeof eventView>;

/** An unfinished job of a user. */
export const jobView = z.object({
  queue: z.string(),
  kind: z.string(),
  state: z.string(),
  attempts: z.number().int(),
  code: z.string().nullable(),
  at: timestamp,
});

export type JobView = z.infer<typeof jobView>;

/** A dead letter in a user's report. `dead-letters replay` takes its id. */
export const jobDeadLetter = jobView.extend({ id: z.string() });

export type JobDeadLetter = z.infer<typeof jobDeadLetter>;

/** Everything known about one user, with one sentence (`why`) that explains the state. */
export const userReport = z.object({
  clerkId: clerkUserId,
  why: z.string(),
  user: userView.nullable(),
  mentorado: mentoradoView.nullable(),
  /** `unknown` when Clerk gave no answer. */
  clerk: z.enum(["there", "banned", "absent", "unknown"]),
  jobs: z.array(jobView),
  deadLetters: z.array(jobDeadLetter),
  conflicts: z.array(conflictView),
  timeline: z.array(eventView),
});

export type UserReport = z.infer<typeof userReport>;
