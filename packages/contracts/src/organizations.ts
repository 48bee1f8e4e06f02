import { z } from "zod";
import { activityView } from "./activity.ts";
import { jobDeadLetter, jobView, listQuery } from "./admin.ts";
import { clerkOrganizationId, rowClerkId } from "./ids.ts";

const timestamp = z.iso.datetime({ offset: true });
const count = z.number().int().nonnegative();

/** Lists of organizations have the order of Clerk ids, the last one first. A cursor is an id in base64url. */
const idCursor = z
  .string()
  .regex(/^_[\w-]{1,1000}$/, "must be a nextCursor of an earlier answer")
  .optional();

/** `GET organizations`. */
export const organizationQuery = listQuery.extend({
  query: z
    .string()
    .trim()
    .min(1, "must be the start of an id, or part of a name or a slug")
    .max(200)
    .refine((text) => !text.includes("\0"), "must hold no NUL character")
    .optional(),
  cursor: idCursor,
});

/** `GET organizations/:clerkOrgId/members`. */
export const memberQuery = listQuery.extend({ cursor: idCursor });

/** unread: the app's row, which was never compared with Clerk. held: Clerk lacks it, and its deletion waits for an operator. */
export const organizationState = z.enum(["live", "unread", "held", "deleted"]);

/** A row of the list of organizations. A field that the mapping leaves out is null. */
export const organizationEntry = z.object({
  clerkOrgId: rowClerkId,
  name: z.string().nullable(),
  slug: z.string().nullable(),
  /** The row's value: how many Clerk counted when the organization was read. */
  membersCount: count.nullable(),
  /** Memberships that are live here. `more`: there are more than `count`, which ends at 1,000, or 100,000 in a report. */
  members: z.object({ count, more: z.boolean() }),
  state: organizationState,
  clerkCreatedAt: timestamp.nullable(),
  clerkUpdatedAt: timestamp.nullable(),
  deletedAt: timestamp.nullable(),
});

export type OrganizationEntry = z.infer<typeof organizationEntry>;

/** What `why` says of an organization, for pages with sentences of their own. */
export const organizationExplanationCodes = [
  "held",
  "deleted",
  "in_place",
  /** In place, but Clerk counts other members. */
  "members_differ",
  /** The row is live, and Clerk has no such organization. */
  "absent_at_clerk",
  /** The row is the app's, and Clerk was never read. */
  "unread",
  /** A job failed with `errorCode` and is tried again. */
  "retried",
  "on_its_way",
  /** A dead letter failed with `errorCode`. */
  "dead_letter",
  "absent",
  /** No row, and Clerk did not answer. */
  "clerk_unknown",
  /** Clerk has the organization, and no webhook arrived. */
  "not_arrived",
] as const;

export const organizationExplanation = z.object({
  code: z.enum(organizationExplanationCodes),
  errorCode: z.string().nullable(),
});

export type OrganizationExplanation = z.infer<typeof organizationExplanation>;

/** An organization as Clerk has it. */
export const clerkOrganizationView = z.object({
  name: z.string().nullable(),
  slug: z.string().nullable(),
  membersCount: count.nullable(),
  createdAt: timestamp.nullable(),
  updatedAt: timestamp.nullable(),
});

/** Everything known about one organization, with one sentence (`why`) that explains the state. */
export const organizationReport = z.object({
  clerkOrgId: clerkOrganizationId,
  why: z.string(),
  explanation: organizationExplanation,
  /** Null without a row and a state. */
  organization: organizationEntry.nullable(),
  /** Whether the app's table has a row. A tombstone of an id that was never read has none. */
  hasRow: z.boolean(),
  /** The read sequence of the last read that was written. Each sync of a live organization moves it. */
  readTicket: z.number().int().nullable(),
  /** `unknown` when Clerk gave no answer; `clerkError` then says why. */
  clerk: z.enum(["there", "absent", "unknown"]),
  /** The error's code. Null also without CLERK_SECRET_KEY. */
  clerkError: z.string().nullable(),
  clerkOrganization: clerkOrganizationView.nullable(),
  /** Of the organization itself. Jobs of its members are in their reports. */
  jobs: z.array(jobView),
  /** Of the organization and of its members. */
  deadLetters: z.array(jobDeadLetter),
  /** Events of the organization and of its memberships. `clerkId` is the organization's, or that of a member. */
  timeline: z.array(activityView),
});

export type OrganizationReport = z.infer<typeof organizationReport>;

/** `POST organizations/:clerkOrgId/sync`. */
export const organizationSyncAnswer = z.object({ clerkOrgId: clerkOrganizationId });
