import { z } from "zod";

/** A Clerk user id, `user_…`. The length bound keeps ids out of harm's way in keys, URLs and indexes. */
export const clerkUserId = z.string().regex(/^user_[A-Za-z0-9_-]{1,128}$/, "must look like user_…");

export type ClerkUserId = z.infer<typeof clerkUserId>;
