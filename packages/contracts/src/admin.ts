import { z } from "zod";
import { columnValue } from "./columns.ts";
import { profileView, userView } from "./ensure.ts";
import { clerkUserId, type KeyType, keyOf, rowClerkId, rowKey } from "./ids.ts";
import { userMemberships } from "./memberships.ts";

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
  clerkId: rowClerkId,
  userId: rowKey,
  reason: z.string(),
  candidateIds: z.array(rowKey),
  profileId: rowKey.nullable(),
  state: conflictState,
  openedAt: timestamp,
  evaluatedAt: timestamp,
  closedAt: timestamp.nullable(),
  closedBy: z.string().nullable(),
});

export type ConflictView = z.infer<typeof conflictView>;

/** `GET conflicts`: with the user's name, which the command line never prints. */
export const namedConflict = conflictView.extend({ name: z.string().nullable() });

export type NamedConflict = z.infer<typeof namedConflict>;

export const conflictQuery = listQuery.extend({ state: conflictState.default("open") });

/** `POST conflicts/:id/resolve`: links this profile to the user, or dismisses the conflict. */
export const conflictResolutionOf = (profileKey: KeyType) =>
  z.union([
    z.strictObject({
      mentoradoId: keyOf(profileKey),
      /** Required when the user's present profile was used already. It is then unlinked, not removed. */
      discardProfile: z.boolean().default(false),
    }),
    z.strictObject({ dismiss: z.literal(true) }),
  ]);

export const conflictResolution = conflictResolutionOf("integer");

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

/** A name of the schema. A trigger may report any text as one, and no email or sentence has this form. */
const schemaName = z.string().regex(/^[\p{L}_][\p{L}\p{N}_$]{0,62}$/u);

/** The person behind a Clerk id. It stands in answers alone: no log, address, job or event holds a name. */
export const person = z.object({ name: z.string().nullable(), email: z.string().nullable() });

export type Person = z.infer<typeof person>;

/** Why Postgres refused a row: names of the schema, never a value. */
export const rowRefusal = z.object({
  sqlState: z.string().regex(/^[0-9A-Z]{5}$/),
  table: schemaName.nullable().catch(null),
  constraint: schemaName.nullable().catch(null),
});

export type RowRefusal = z.infer<typeof rowRefusal>;

/** A dead letter in the report of a user or an organization. `dead-letters replay` takes its id. */
export const jobDeadLetter = jobView.extend({
  id: z.string(),
  /** Of whom it is: a user, an organization, or the pair of both. */
  clerkId: z.string().nullable(),
  clerkOrgId: z.string().nullable(),
  refusal: rowRefusal.nullable(),
});

export type JobDeadLetter = z.infer<typeof jobDeadLetter>;

/** A user as Clerk has it, reduced to the fields that Rollcall uses. */
export const clerkUserView = z.object({
  username: z.string().nullable(),
  firstName: z.string().nullable(),
  lastName: z.string().nullable(),
  imageUrl: z.string().nullable(),
  emails: z.array(z.object({ email: z.string(), verified: z.boolean(), primary: z.boolean() })),
  /** Of the public metadata; any JSON. */
  role: z.unknown(),
  turma: z.unknown(),
  /** What public metadata has for columns of the profile, by their keys in answers; any JSON. */
  metadata: z.record(z.string(), z.unknown()),
  banned: z.boolean(),
  createdAt: timestamp.nullable(),
  updatedAt: timestamp.nullable(),
});

export type ClerkUserView = z.infer<typeof clerkUserView>;

/** A column whose value in the row is not the one that Clerk's user leads to. */
export const userDifference = z.object({ column: z.string(), here: columnValue, atClerk: columnValue });

export type UserDifference = z.infer<typeof userDifference>;

/** What `why` says, for pages with sentences of their own. */
export const explanationCodes = [
  "held",
  "deleted",
  "banned",
  "in_place",
  "in_place_admin",
  "in_place_without_profile",
  /** A job failed with `errorCode` and is tried again. */
  "retried",
  "on_its_way",
  /** A dead letter failed with `errorCode`. */
  "dead_letter",
  "absent",
  /** No trace here, and Clerk did not answer. */
  "clerk_unknown",
  /** Clerk has the user, and no webhook and no login arrived. */
  "not_arrived",
] as const;

export const explanation = z.object({
  code: z.enum(explanationCodes),
  /** What the user lacks; null when nothing is missing that should be there. */
  missing: z.enum(["row", "profile"]).nullable(),
  errorCode: z.string().nullable(),
});

export type Explanation = z.infer<typeof explanation>;

/** Everything known about one user, with one sentence (`why`) that explains the state. */
export const userReport = z.object({
  clerkId: clerkUserId,
  why: z.string(),
  explanation,
  user: userView.nullable(),
  mentorado: profileView.nullable(),
  /** `unknown` when Clerk gave no answer. */
  clerk: z.enum(["there", "banned", "absent", "unknown"]),
  jobs: z.array(jobView),
  deadLetters: z.array(jobDeadLetter),
  conflicts: z.array(conflictView),
  timeline: z.array(eventView),
  /** Null while Clerk does not answer, and when Clerk or Rollcall lacks the user. */
  differences: z.array(userDifference).nullable(),
  /** Null while Clerk does not answer, and when Clerk lacks the user. */
  clerkUser: clerkUserView.nullable(),
  /** Absent while organizations are off. */
  memberships: userMemberships.optional(),
});

export type UserReport = z.infer<typeof userReport>;

/** What a decision about a conflict does. */
export const conflictEffect = z.enum([
  /** The candidate becomes the user's profile; the user had none. */
  "links",
  /** The same, and the unused profile that was made meanwhile is deleted. */
  "links_and_deletes_profile",
  /** The same, and the user's present profile is kept without a user. It was used, so `discardProfile` must be true. */
  "links_and_unlinks_profile",
  /** Not possible: the candidate belongs to another user by now. */
  "taken",
  /** Not possible: the candidate was deleted. */
  "gone",
  /** User and profiles stay as they are. */
  "dismisses",
]);

/** `GET conflicts/:id`: what an operator needs for the decision. */
export const conflictDetail = conflictView.extend({
  user: userView.nullable(),
  /** The user's present profile. */
  present: profileView.nullable(),
  /** The candidates' rows in the order of `candidateIds`; a deleted one is left out. */
  candidates: z.array(profileView),
  /** One for each choice, in the form that `resolve` takes. Empty once the conflict is decided. */
  effects: z.array(
    z.object({
      choice: z.union([z.object({ mentoradoId: rowKey }), z.object({ dismiss: z.literal(true) })]),
      says: conflictEffect,
    }),
  ),
});

export type ConflictDetail = z.infer<typeof conflictDetail>;
