import { z } from "zod";
import { listQuery } from "./admin.ts";
import { userView } from "./ensure.ts";
import { clerkUserId } from "./ids.ts";

/** `GET users`. The search text is personal data and is never logged. */
export const userQuery = listQuery.extend({
  query: z
    .string()
    .trim()
    .min(1, "must be a Clerk id, or part of an email or a name")
    .max(200)
    .refine((query) => !query.includes("\0"), "must hold no NUL character")
    .optional(),
});

/** A row of the list of users. */
export const userEntry = userView
  .pick({
    id: true,
    clerkId: true,
    email: true,
    name: true,
    role: true,
    tier: true,
    banned: true,
    createdAt: true,
    deletedAt: true,
  })
  .extend({ mentoradoId: z.number().int().nullable() });

export type UserEntry = z.infer<typeof userEntry>;

/** The most users that one call syncs. */
const mostSyncs = 500;

/** `POST users/sync`. */
export const syncRequest = z.strictObject({ clerkIds: z.array(clerkUserId).min(1).max(mostSyncs) });

/** The result of a request to sync users. */
export const syncAnswer = z.object({
  queued: z.number().int(),
  /** Users whose row is a tombstone, which is final. No job was added for them. */
  deleted: z.array(clerkUserId),
});

export type SyncAnswer = z.infer<typeof syncAnswer>;

/** `PATCH users/:clerkId`. The tier belongs to the app, and Rollcall writes it only here. */
export const tierChange = z.strictObject({
  tier: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,31}$/, "must be capitals, digits and _, with a capital first, like FREE"),
});

export const tierAnswer = z.object({ clerkId: clerkUserId, tier: z.string() });

export type TierAnswer = z.infer<typeof tierAnswer>;
