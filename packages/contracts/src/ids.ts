import { z } from "zod";

/** A Clerk user id, `user_…`. The limited length makes ids safe in keys, URLs and indexes. */
export const clerkUserId = z.string().regex(/^user_[A-Za-z0-9_-]{1,128}$/, "must look like user_…");

/** A Clerk organization id, `org_…`, limited like a user's. */
export const clerkOrganizationId = z.string().regex(/^org_[A-Za-z0-9_-]{1,128}$/, "must look like org_…");

/** The Clerk id of a row in an answer. An app may have rows with ids that are not Clerk's, such as an earlier provider's. */
export const rowClerkId = z.string();

/** A key of the app's tables: a number for an integer, and a text for every other type, bigint included. */
export const rowKey = z.union([z.number().int(), z.string()]);

export type RowKey = z.infer<typeof rowKey>;

const largestBigint = 2n ** 63n - 1n;

const keySchemas = {
  integer: z.number().int().positive(),
  bigint: z
    .union([z.number().int().positive().transform(String), z.string()])
    .refine((key) => /^[1-9]\d{0,18}$/.test(key) && BigInt(key) <= largestBigint, "must be a bigint"),
  uuid: z.guid().toLowerCase(),
  text: z
    .union([z.number().int().transform(String), z.string().min(1).max(200)])
    .refine((key) => !key.includes("\0"), "must hold no NUL character"),
} satisfies Record<string, z.ZodType<RowKey>>;

export type KeyType = keyof typeof keySchemas;

/** The schema of a key that an operator names, in the form that answers have. */
export function keyOf(type: KeyType): z.ZodType<RowKey> {
  return keySchemas[type];
}

export type ClerkUserId = z.infer<typeof clerkUserId>;
