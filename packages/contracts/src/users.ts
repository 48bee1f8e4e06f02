import { z } from "zod";
import { listQuery } from "./admin.ts";
import { userView } from "./ensure.ts";
import { clerkUserId } from "./ids.ts";

/** `GET users`. What is searched for is a person's data: it is never logged. */
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

/** How many users one call looks at again at most. */
const mostSyncs = 500;

/** `POST users/sync`. */
export const syncRequest = z.strictObject({ clerkIds: z.array(clerkUserId).min(1).max(mostSyncs) });

/** What became of a wish to look at users again. */
export const syncAnswer = z.object({
  queued: z.number().int(),
  /** Tombstones: they are final, so nothing was queued for them. */
  deleted: z.array(clerkUserId),
});

export type SyncAnswer = z.infer<typeof syncAnswer>;

/** `PATCH users/:clerkId`. The tier is the app's: Rollcall never writes it by itself. */
export const tierChange = z.strictObject({
  tier: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,31}$/, "must be capitals, digits and _, beginning with a capital, like FREE"),
});

export const tierAnswer = z.object({ clerkId: clerkUserId, tier: z.string() });

export type TierAnswer = z.infer<typeof tierAnswer>;
