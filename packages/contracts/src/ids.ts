import { z } from "zod";

/** A Clerk user id, `user_…`. The limited length makes ids safe in keys, URLs and indexes. */
export const clerkUserId = z.string().regex(/^user_[A-Za-z0-9_-]{1,128}$/, "must look like user_…");

export type ClerkUserId = z.infer<typeof clerkUserId>;
