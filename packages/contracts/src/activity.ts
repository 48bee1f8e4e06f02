import { z } from "zod";
import { eventView, listQuery } from "./admin.ts";
import { clerkOrganizationId, clerkUserId, rowClerkId } from "./ids.ts";

const timestamp = z.iso.datetime({ offset: true });

/** The users and organizations that events are about. */
const subject = z.union([clerkUserId, clerkOrganizationId], { error: "must look like user_… or org_…" });

/** An event of the timeline over all users. The event itself holds codes and ids only. */
export const activityView = eventView.extend({
  /** Of a user, or an organization. Null for an event that concerns neither, such as the start of a run. */
  clerkId: rowClerkId.nullable(),
  /** The user's or organization's name, if a row has one. Lists have it, and the live stream does not. */
  name: z.string().nullable().optional(),
});

export type ActivityView = z.infer<typeof activityView>;

/** One word or several, separated by commas: `user_created,user_updated`. */
const words = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}(,[a-z][a-z0-9_-]{0,63}){0,19}$/, "must be words separated by commas")
  .transform((text) => text.split(","));

/**
 * `GET activity`. A page reads a bounded number of events. With a rare `kind` or `cause` it may hold few items, or none,
 * and still have a next cursor.
 */
export const activityQuery = listQuery.extend({
  kind: words.optional(),
  cause: words.optional(),
  /** Of a user or an organization. An organization's events include those of its memberships. */
  clerkId: subject.optional(),
  /** The delivery, run, operator or bulk change behind an event. */
  ref: z
    .string()
    .regex(/^[\w.-]{1,128}$/, "must be an id or the name of an operator")
    .optional(),
});

/** An action of an operator. */
export const auditEntry = z.object({
  id: z.number().int(),
  at: timestamp,
  /** The operator. */
  by: z.string(),
  kind: z.string(),
  /** Null for an action that concerns no user, or several. */
  clerkId: rowClerkId.nullable(),
  /** The user's name, if a row has one. */
  name: z.string().nullable().optional(),
  details: z.record(z.string(), z.unknown()),
});

export type AuditEntry = z.infer<typeof auditEntry>;

/** `GET audit`. */
export const auditQuery = listQuery.extend({
  by: z.string().min(1).max(64).optional(),
  kind: words.optional(),
  clerkId: subject.optional(),
});

/** `GET live`. The header `Last-Event-ID`, which a browser sends when it reconnects, wins over `after`. */
export const liveQuery = z.object({
  after: z
    .string()
    .regex(/^\d{1,18}$/, "must be the id of an event")
    .optional(),
});

/** What a page may have to read again. Each topic stands for the queries of one part of the console. */
export const liveTopics = [
  "overview",
  "users",
  "organizations",
  "dead-letters",
  "conflicts",
  "runs",
  "bulk",
  "alerts",
  "audit",
  "operators",
] as const;

export const liveTopic = z.enum(liveTopics);

export type LiveTopic = z.infer<typeof liveTopic>;

/**
 * The events of `GET live`, by their name. Events of the timeline have an `id:` and come in the order of their ids, each
 * once. Open the stream first and load lists after `opened`: then no event is missed in between.
 *
 * - opened: the first event. Events with a higher id than `lastId` follow.
 * - activity: an event of the timeline.
 * - changed: read these parts again.
 * - heartbeat: every 10 s. While `postgres` is `down` no events come; they follow later.
 * - gap: the events from `fromId` to `toId` are left out, all or some of them. Load the lists again.
 * - end: the server closes the stream. After `session` the operator must log in again; otherwise connect again. slow: the
 *   caller reads too slowly. replaced: the session has too many streams, and this is the oldest one.
 */
export const liveEvents = {
  opened: z.object({ at: timestamp, lastId: z.number().int() }),
  activity: activityView,
  changed: z.object({ topics: z.array(liveTopic) }),
  heartbeat: z.object({
    at: timestamp,
    /** The age of the oldest event that was not sent yet; 0 when all are sent. */
    lagMs: z.number().int().nonnegative(),
    postgres: z.enum(["up", "down"]),
  }),
  gap: z.object({
    fromId: z.number().int(),
    toId: z.number().int(),
    /** far_behind: too many events to send. late: an event may be committed too late to be waited for. */
    reason: z.enum(["far_behind", "late"]),
  }),
  end: z.object({ reason: z.enum(["session", "stopping", "slow", "replaced"]) }),
} as const;

export type LiveEventName = keyof typeof liveEvents;

export type LiveEventData = { [Name in LiveEventName]: z.infer<(typeof liveEvents)[Name]> };
