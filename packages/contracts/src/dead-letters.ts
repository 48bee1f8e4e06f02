import { z } from "zod";
import { listQuery } from "./admin.ts";
import { errorTable } from "./errors.ts";

const timestamp = z.iso.datetime({ offset: true });

const errorCode = z
  .string()
  .refine(
    (code) => Object.hasOwn(errorTable, code),
    "must be an error code of the runbook, like user.rejected",
  );

/** A job that cannot succeed: ids and codes only, so that it may be shown to anybody in ops. */
export const deadLetterView = z.object({
  id: z.string(),
  code: z.string(),
  queue: z.string(),
  kind: z.string(),
  /** Null for a delivery that named no user, and for a payload that could not be read. */
  clerkId: z.string().nullable(),
  attempts: z.number().int(),
  firstAt: timestamp,
  failedAt: timestamp,
  replayable: z.boolean(),
  /** Of a quarantined delivery: what is known of it without its body. */
  delivery: z
    .object({
      svixId: z.string(),
      type: z.string().nullable(),
      sizeBytes: z.number().int(),
      sha256: z.string(),
    })
    .nullable(),
});

export type DeadLetterView = z.infer<typeof deadLetterView>;

/** How many there are of a code; `other`: those that are older than the newest 5,000, or unreadable. */
export const deadLetterCount = z.object({ code: z.string(), count: z.number().int() });

export type DeadLetterCount = z.infer<typeof deadLetterCount>;

export const deadLetterQuery = listQuery.extend({ code: errorCode.optional() });

/** How many dead letters one call replays or discards at most. */
export const mostDeadLetters = 500;

/** Postgres takes no NUL in a text. */
const withoutNul = /^[^\0]*$/;

const ids = z
  .array(z.string().min(1).max(200).regex(withoutNul, "must hold no NUL"))
  .min(1)
  .max(mostDeadLetters);

/** `POST dead-letters/replay`: some, those of one code, or all. */
export const replayRequest = z
  .strictObject({ ids: ids.optional(), code: errorCode.optional(), all: z.literal(true).optional() })
  .refine((wish) => Object.values(wish).filter((value) => value !== undefined).length === 1, {
    error: 'name one of {"ids":[…]}, {"code":"…"} and {"all":true}',
  });

export type ReplayRequest = z.infer<typeof replayRequest>;

/** `POST dead-letters/discard`. The reason is kept in the timeline, where nobody's address may stand. */
export const discardRequest = z.strictObject({
  ids,
  reason: z
    .string()
    .trim()
    .min(3, "say in a few words why")
    .max(200)
    .regex(withoutNul, "must hold no NUL")
    .refine((reason) => !reason.includes("@"), "must hold no email: name people by their Clerk id"),
});

export type DiscardRequest = z.infer<typeof discardRequest>;

/** One that was named and left where it is, or is there no more. */
const refusedLetter = z.object({ id: z.string(), code: z.string(), message: z.string() });

export const replayAnswer = z.object({
  replayed: z.number().int(),
  refused: z.array(refusedLetter),
  /** There are more of them than one call replays: call again. */
  more: z.boolean(),
});

export type ReplayAnswer = z.infer<typeof replayAnswer>;

export const discardAnswer = z.object({ discarded: z.number().int(), refused: z.array(refusedLetter) });

export type DiscardAnswer = z.infer<typeof discardAnswer>;
