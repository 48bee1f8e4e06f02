import { z } from "zod";
import { listQuery } from "./admin.ts";
import { columnValue } from "./columns.ts";
import { userView } from "./ensure.ts";
import { clerkUserId, type KeyType, keyOf, rowClerkId, rowKey } from "./ids.ts";

const withoutNul = (text: string) => !text.includes("\0");
const noNul = "must hold no NUL character";

/** The value of a column that a filter asks for. A query string has texts alone. */
const filterValue = z.union([z.string().min(1).max(200).refine(withoutNul, noNul), z.number(), z.boolean()], {
  error: "must be a text, a number, true or false",
});

const isTrue = z.union([z.literal(true), z.literal("true").transform(() => true as const)], {
  error: "must be true, or left out",
});

const instant = z.iso.datetime({ offset: true, error: "must be an ISO time like 2026-05-12T00:00:00Z" });

const filterFields = {
  /** The search text is personal data. It is never logged, and stored nowhere. */
  query: z
    .string()
    .trim()
    .min(1, "must be a Clerk id, or part of an email or a name")
    .max(200)
    .refine(withoutNul, noNul)
    .optional(),
  /** live: neither banned nor deleted. */
  state: z.enum(["live", "banned", "deleted"]).optional(),
  tier: filterValue.optional(),
  /** Sign-up at Clerk, this time included. */
  signedUpFrom: instant.optional(),
  /** Sign-up at Clerk, before this time. */
  signedUpTo: instant.optional(),
  withoutProfile: isTrue.optional(),
  /** The newest full dry run would change the user, who was not written since. */
  drifted: isTrue.optional(),
};

const ordered = {
  check: ({
    signedUpFrom,
    signedUpTo,
  }: {
    signedUpFrom?: string | undefined;
    signedUpTo?: string | undefined;
  }) =>
    signedUpFrom === undefined ||
    signedUpTo === undefined ||
    Date.parse(signedUpFrom) <= Date.parse(signedUpTo),
  message: { path: ["signedUpTo"], error: "must not be before signedUpFrom" },
};

/** Which users are meant: each further key is a filterable column of `GET columns`, and all of them must hold. */
export const userFilter = z
  .object(filterFields)
  .catchall(filterValue.optional())
  .refine(ordered.check, ordered.message);

export type UserFilter = z.infer<typeof userFilter>;

/** Numbers, or a key of the app's in base64url. */
const userCursor = z
  .string()
  .regex(/^[a-z]([\w-]{1,4000}(\.[\w-]{1,4000})?)?$/, "must be a nextCursor of an earlier answer")
  .optional();

/** `GET users`. */
export const userQuery = listQuery
  .extend({ ...filterFields, cursor: userCursor })
  .catchall(filterValue.optional())
  .refine(ordered.check, ordered.message);

export const exportFormat = z.enum(["csv", "json"]);

/** `GET users/export`, with the filters of the list. */
export const exportQuery = z
  .object({ ...filterFields, format: exportFormat.default("csv") })
  .catchall(filterValue.optional())
  .refine(ordered.check, ordered.message);

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
    clerkCreatedAt: true,
    createdAt: true,
    deletedAt: true,
  })
  .extend({
    clerkId: rowClerkId,
    mentoradoId: rowKey.nullable(),
    /** The other columns of the users' table, by the keys of `GET columns`. */
    columns: z.record(z.string(), columnValue),
    /** The columns of the profile, by the keys of `GET columns`; null without a profile. */
    profile: z.record(z.string(), columnValue).nullable(),
  });

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

export const tier = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,31}$/, "must be capitals, digits and _, with a capital first, like FREE");

/** `PATCH users/:clerkId`. The tier belongs to the app, and Rollcall writes it only for operators. */
export const tierChange = z.strictObject({
  tier,
  /** The tier that the operator saw. If it is another one by now, the change is refused. */
  expectedTier: z.string().max(200).refine(withoutNul, noNul).optional(),
});

export const tierAnswer = z.object({ clerkId: clerkUserId, tier: z.string() });

export type TierAnswer = z.infer<typeof tierAnswer>;

/** `POST users/:clerkId/purge`. */
export const purgeRequestOf = (profileKey: KeyType) =>
  z.strictObject({
    /** Whether the user's former profiles keep name, email and photo. */
    keepProfile: z.boolean().default(false),
    /** Profiles that once matched the user, and that describe the same person. */
    also: z.array(keyOf(profileKey)).max(100).default([]),
    /** Only tells what would go and what would stay. */
    preview: z.boolean().default(false),
  });

export const purgeRequest = purgeRequestOf("integer");

/**
 * A part of what Rollcall holds of a person. `row`: email, name and image of the user's row. `profile`: name, email and
 * photo of a profile that was the user's. `candidate`: the same of a profile that once matched the user. `reasons`: texts
 * that operators typed. `fingerprints`: hashes over profiles. `app_columns`: columns that only the app can erase.
 */
const purgePart = z.object({
  what: z.enum([
    "row",
    "profile",
    "candidate",
    "reasons",
    "fingerprints",
    "session_cache",
    "dead_letters",
    "clerk_id",
    "operator_names",
    "app_columns",
  ]),
  /** Ids of profiles, or names of columns. */
  of: z.array(z.string()),
  count: z.number().int().nonnegative(),
});

export type PurgePart = z.infer<typeof purgePart>;

export const purgeAnswer = z.object({
  clerkId: clerkUserId,
  /** False after a preview. */
  purged: z.boolean(),
  goes: z.array(purgePart),
  stays: z.array(purgePart),
});

export type PurgeAnswer = z.infer<typeof purgeAnswer>;
