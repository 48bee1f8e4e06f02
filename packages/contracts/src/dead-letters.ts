import { z } from "zod";
import { listQuery, person, rowRefusal } from "./admin.ts";
import { errorTable } from "./errors.ts";

const timestamp = z.iso.datetime({ offset: true });

const errorCode = z
  .string()
  .refine(
    (code) => Object.hasOwn(errorTable, code),
    "must be an error code of the runbook, like user.rejected",
  );

/** A job that failed for good. The job itself holds ids and codes only. */
export const deadLetterView = z.object({
  id: z.string(),
  code: z.string(),
  queue: z.string(),
  kind: z.string(),
  /** Null for a delivery that names no user, and for a payload that cannot be read. */
  clerkId: z.string().nullable(),
  /** Of a job about an organization, or about the pair of an organization and a user. */
  clerkOrgId: z.string().nullable(),
  /** From the user's row or, without a row, from Clerk. Null while neither tells it. */
  person: person.nullable(),
  attempts: z.number().int(),
  firstAt: timestamp,
  failedAt: timestamp,
  replayable: z.boolean(),
  /** Null if Postgres refused no row. */
  refusal: rowRefusal.nullable(),
  /** For a quarantined delivery: its facts without its body. */
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

/** The number of dead letters of a code. `other`: unreadable, or older than the newest 5,000. */
export const deadLetterCount = z.object({ code: z.string(), count: z.number().int() });

export type DeadLetterCount = z.infer<typeof deadLetterCount>;

export const deadLetterQuery = listQuery.extend({ code: errorCode.optional() });

/** The most dead letters that one call replays or discards. */
export const mostDeadLetters = 500;

/** Postgres takes no NUL in a text. */
const withoutNul = /^[^\0]*$/;

const ids = z
  .array(z.string().min(1).max(200).regex(withoutNul, "must hold no NUL"))
  .min(1)
  .max(mostDeadLetters);

const selection = { ids: ids.optional(), code: errorCode.optional(), all: z.literal(true).optional() };

const isOne = ({ ids, code, all }: { ids?: unknown; code?: unknown; all?: unknown }) =>
  [ids, code, all].filter((value) => value !== undefined).length === 1;

const oneOf = 'name one of {"ids":[…]}, {"code":"…"} and {"all":true}';

/** `POST dead-letters/replay`: some dead letters, those of one code, or all. */
export const replayRequest = z.strictObject(selection).refine(isOne, { error: oneOf });

export type ReplayRequest = z.infer<typeof replayRequest>;

/** `POST dead-letters/discard`: the same. The reason is kept in the timeline, which must hold no email. */
export const discardRequest = z
  .strictObject({
    ...selection,
    reason: z
      .string()
      .trim()
      .min(3, "must give the reason in a few words")
      .max(200)
      .regex(withoutNul, "must hold no NUL")
      .refine((reason) => !reason.includes("@"), "must hold no email: name people by their Clerk id"),
  })
  .refine(isOne, { error: oneOf });

export type DiscardRequest = z.infer<typeof discardRequest>;

/** A named dead letter that was left unchanged or does not exist. */
const refusedLetter = z.object({ id: z.string(), code: z.string(), message: z.string() });

export const replayAnswer = z.object({
  replayed: z.number().int(),
  refused: z.array(refusedLetter),
  /** More dead letters may match than one call replays: call again. */
  more: z.boolean(),
});

export type ReplayAnswer = z.infer<typeof replayAnswer>;

export const discardAnswer = z.object({
  discarded: z.number().int(),
  refused: z.array(refusedLetter),
  /** For a code, or all: more dead letters may match than one call discards, so call again. */
  more: z.boolean().optional(),
});

export type DiscardAnswer = z.infer<typeof discardAnswer>;
