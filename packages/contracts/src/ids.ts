import { z } from "zod";

/** A Clerk user id, `user_…`. The limited length makes ids safe in keys, URLs and indexes. */
export const clerkUserId = z.string().regex(/^user_[A-Za-z0-9_-]{1,128}$/, "must look like user_…");

/** A key of the app's tables: a number for an integer, and a text for every other type, bigint included. */
export const rowKey = z.union([z.number().int(), z.string()]);

export type RowKey = z.infer<typeof rowKey>;

export type ClerkUserId = z.infer<typeof clerkUserId>;
