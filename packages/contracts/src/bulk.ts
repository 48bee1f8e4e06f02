import { z } from "zod";
import { clerkUserId } from "./ids.ts";
import { tier, userFilter } from "./users.ts";

/** What a bulk change does to each selected user: a new tier, or a sync job. */
export const bulkAction = z.union([z.strictObject({ tier }), z.strictObject({ refresh: z.literal(true) })], {
  error: 'must be {"tier":"PRO"} or {"refresh":true}',
});

export type BulkAction = z.infer<typeof bulkAction>;

/** The most users that a call names one by one. */
const mostNamed = 1_000;

/** `POST users/bulk`. Deleted users are never selected. */
export const bulkRequest = z
  .strictObject({
    /** All users that match. `{}` means all users. */
    filter: userFilter.optional(),
    clerkIds: z.array(clerkUserId).min(1).max(mostNamed).optional(),
    action: bulkAction,
    /** Only counts. */
    preview: z.boolean().default(false),
    /** The number that the operator saw. If more users match by now, nothing is done. */
    expected: z.number().int().nonnegative().optional(),
  })
  .refine(({ filter, clerkIds }) => (filter === undefined) !== (clerkIds === undefined), {
    path: ["filter"],
    error: 'name one of {"filter":{…}} and {"clerkIds":[…]}',
  });

export type BulkRequest = z.infer<typeof bulkRequest>;

/** With `preview` the answer has no `jobId`, because there is no job. */
export const bulkAnswer = z.object({
  matching: z.number().int().nonnegative(),
  jobId: z.number().int().optional(),
});

export type BulkAnswer = z.infer<typeof bulkAnswer>;

/** waiting: no worker began yet. failed: the work as a whole cannot go on. The last three are final. */
export const bulkState = z.enum(["waiting", "running", "done", "failed", "cancelled"]);

const count = z.number().int().nonnegative();
const timestamp = z.iso.datetime({ offset: true });

/** A bulk change and its progress. */
export const bulkView = z.object({
  id: z.number().int(),
  action: bulkAction,
  /** The filter without its search text, which is stored nowhere. Null when the users were named one by one. */
  filter: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullable(),
  /** Whether the filter had a search text. */
  searched: z.boolean(),
  state: bulkState,
  matching: count,
  /** Users with the tier, or with a sync job. */
  done: count,
  /** Users that were refused: their timelines say why. */
  failed: count,
  /** Users that were deleted after they were selected. */
  skipped: count,
  by: z.string(),
  at: timestamp,
  startedAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
  cancelledBy: z.string().nullable(),
  /** Why the work as a whole failed. */
  code: z.string().nullable(),
});

export type BulkView = z.infer<typeof bulkView>;
