import type { ClerkGateway, ClerkUser } from "@rollcall/clerk";
import type {
  ClerkUserView,
  Explanation,
  JobDeadLetter,
  JobView,
  SessionView,
  UserReport,
} from "@rollcall/contracts";
import {
  compareWithClerk,
  findSession,
  isDeletionHeld,
  listConflictsOfUser,
  listEventsOfUser,
  listMembershipsOfUser,
  type Pool,
  type Tables,
  type User,
} from "@rollcall/db";
import { findDeadLettersOfUser, findJobsOfUser, type Producers } from "@rollcall/jobs";
import { decideSessionAccess, toSessionView } from "../ensure/session-view.ts";
import { decideSnapshot, readMetadata } from "../user/rules.ts";
import { type Asked, askQueue } from "./status.ts";

export type ExplainContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY: then the state at Clerk is unknown. */
  clerk: ClerkGateway | undefined;
  producers: Pick<Producers, "ensure" | "sync" | "dead-letter">;
  autoCreate: boolean;
};

const timelineLength = 50;
const queueTimeoutMs = 3_000;

/**
 * Reports all that is known of one user, with one sentence that explains the user's state.
 *
 * @returns undefined when neither Clerk nor Rollcall knows the id; while Clerk does not answer, a report
 * @throws AppError `postgres.unavailable`
 */
export async function explainUser(context: ExplainContext, clerkId: string): Promise<UserReport | undefined> {
  const { pool } = context;
  const [rows, atClerk, jobs, deadLetters, conflicts, timeline, isHeld, memberships] = await Promise.all([
    findSession(pool, clerkId),
    askClerk(context.clerk, clerkId),
    findJobs(context, clerkId),
    findDeadLetters(context, clerkId),
    listConflictsOfUser(pool, clerkId),
    listEventsOfUser(pool, clerkId, timelineLength),
    isDeletionHeld(pool, clerkId),
    listMembershipsOfUser(pool, clerkId),
  ]);
  const { clerk, found } = atClerk;
  const session = rows && toSessionView(rows);
  const traces = jobs.length + deadLetters.length + timeline.length + (memberships?.items.length ?? 0);
  if (clerk === "absent" && !session && traces === 0 && !isHeld) return undefined;
  const hasProfiles = pool.tables.profile !== undefined;
  const facts = { session, clerk, jobs, deadLetters, isHeld, autoCreate: context.autoCreate, hasProfiles };
  return {
    clerkId,
    why: decideWhy(facts),
    explanation: decideExplanation(facts),
    user: session?.user ?? null,
    mentorado: session?.mentorado ?? null,
    clerk,
    jobs,
    deadLetters,
    conflicts,
    timeline,
    differences: rows && found ? findDifferences(pool, rows.user, found) : null,
    clerkUser: found ? viewClerkUser(found, pool.tables) : null,
    ...(memberships && { memberships }),
  };
}

export type Facts = {
  session: SessionView | undefined;
  clerk: UserReport["clerk"];
  jobs: readonly JobView[];
  deadLetters: readonly JobView[];
  isHeld: boolean;
  autoCreate: boolean;
  /** False for an app without profiles. */
  hasProfiles?: boolean;
};

/** The state of the user, as a code. Each code has one English sentence here; pages have sentences of their own. */
export function decideExplanation(facts: Facts): Explanation {
  const { session } = facts;
  return session ? explainRow(facts, session) : { ...explainAbsence(facts), missing: "row" };
}

const complete = { missing: null, errorCode: null } as const;

function explainRow(facts: Facts, session: SessionView): Explanation {
  if (facts.isHeld) return { ...complete, code: "held" };
  const access = decideSessionAccess(session, facts);
  switch (access) {
    case "deleted":
    case "banned":
      return { ...complete, code: access };
    case "ready":
      if (session.mentorado) return { ...complete, code: "in_place" };
      return {
        ...complete,
        code: session.user.role === "admin" ? "in_place_admin" : "in_place_without_profile",
      };
    case "incomplete":
      return { ...explainAbsence(facts), missing: "profile" };
    default:
      return access satisfies never;
  }
}

function explainAbsence({ clerk, jobs, deadLetters }: Facts): Pick<Explanation, "code" | "errorCode"> {
  const [letter] = deadLetters;
  if (jobs.length > 0) {
    const errorCode = jobs.find((job) => job.code !== null)?.code ?? null;
    return { code: errorCode === null ? "on_its_way" : "retried", errorCode };
  }
  if (letter) return { code: "dead_letter", errorCode: letter.code };
  const errorCode = null;
  if (clerk === "absent") return { code: "absent", errorCode };
  if (clerk === "unknown") return { code: "clerk_unknown", errorCode };
  return { code: "not_arrived", errorCode };
}

/** The sentence for people: the present state, and how to change it. */
export function decideWhy(facts: Facts): string {
  const { code, missing, errorCode } = decideExplanation(facts);
  const withoutProfiles = facts.hasProfiles === false ? whyWithoutProfiles[code] : undefined;
  if (withoutProfiles !== undefined) return withoutProfiles;
  const sentence = whySentences[code](errorCode, facts.session?.user.deletedAt ?? null);
  return missing === "profile" ? `The row exists and the profile is missing. ${sentence}` : sentence;
}

const whySentences: Record<
  Explanation["code"],
  (errorCode: string | null, deletedAt: string | null) => string
> = {
  held: () =>
    "Absent at Clerk, but the deletion is held: there are too many in one day. An admin must confirm it.",
  deleted: (_, deletedAt) =>
    `Deleted on ${deletedAt}; tombstones are final, and a new sign-up of the same person gets a new id.`,
  banned: () => "Banned at Clerk, so no profile is created and logins are refused. Unban the user at Clerk.",
  in_place: () => "In place: the user has a row and a profile.",
  in_place_admin: () => "In place: an admin has a row and needs no profile.",
  in_place_without_profile: () => "In place without a profile: automatic creation is off.",
  retried: (errorCode) => `A job is retried after ${errorCode}.`,
  on_its_way: () => "On its way: a job is waiting or running.",
  dead_letter: (errorCode) =>
    `A dead letter failed with ${errorCode}: see the runbook, fix the cause and replay it. The next login also tries again.`,
  absent: () => "Clerk has no such user.",
  clerk_unknown: () => "No job is waiting or running, and Clerk did not answer.",
  not_arrived: () =>
    "Clerk has the user, but no webhook and no login has arrived yet. The next login creates the row.",
};

/** The sentences that speak of a profile, for an app that has none. */
const whyWithoutProfiles: Partial<Record<Explanation["code"], string>> = {
  banned: "Banned at Clerk, so logins are refused. Unban the user at Clerk.",
  in_place_admin: "In place: the user has a row.",
  in_place_without_profile: "In place: the user has a row.",
};

type ClerkAnswer = { clerk: UserReport["clerk"]; found?: ClerkUser };

async function askClerk(clerk: ClerkGateway | undefined, clerkId: string): Promise<ClerkAnswer> {
  try {
    const result = await clerk?.readUser(clerkId);
    if (!result || "unreadable" in result) return { clerk: "unknown" };
    if ("absent" in result) return { clerk: "absent" };
    return { clerk: result.found.banned ? "banned" : "there", found: result.found };
  } catch {
    return { clerk: "unknown" };
  }
}

/** A tombstone is final, so nothing of it is still to be made equal. */
function findDifferences(pool: Pool, user: User, found: ClerkUser): UserReport["differences"] {
  return user.deletedAt
    ? []
    : compareWithClerk(pool, user, decideSnapshot(found, 0, { cause: "admin", ref: null }));
}

function viewClerkUser(user: ClerkUser, { profile }: Tables): ClerkUserView {
  return {
    username: user.username ?? null,
    firstName: user.first_name ?? null,
    lastName: user.last_name ?? null,
    imageUrl: user.image_url ?? null,
    emails: (user.email_addresses ?? []).map(({ id, email_address: email, verification }) => ({
      email,
      verified: verification?.status === "verified",
      primary: id === user.primary_email_address_id,
    })),
    role: user.public_metadata?.role ?? null,
    turma: user.public_metadata?.turma ?? null,
    metadata: Object.fromEntries(
      (profile?.columns ?? []).flatMap((column) =>
        column.source === "metadata" ? [[column.key, readMetadata(user, column.metadata) ?? null]] : [],
      ),
    ),
    banned: user.banned ?? false,
    createdAt: toIso(user.created_at),
    updatedAt: toIso(user.updated_at),
  };
}

function toIso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

async function findJobs({ producers }: ExplainContext, clerkId: string): Promise<JobView[]> {
  const lists = await Promise.all(
    [producers.ensure, producers.sync].map((producer) =>
      // A job may still wait in the shard of an earlier QUEUE_SHARDS.
      findOrNothing(producer, async (queues) =>
        (await Promise.all(queues.map((queue) => findJobsOfUser(queue, clerkId)))).flat(),
      ),
    ),
  );
  return lists.flat();
}

function findDeadLetters({ producers }: ExplainContext, clerkId: string): Promise<JobDeadLetter[]> {
  return findOrNothing(producers["dead-letter"], (queue) => findDeadLettersOfUser(queue, clerkId));
}

/** Finds nothing in a queue that is away or frozen: the rest of the report must still be answered. */
async function findOrNothing<Queues, Found>(
  producer: Asked<Queues>,
  find: (queues: Queues) => Promise<Found[]>,
): Promise<Found[]> {
  return (await askQueue(producer, queueTimeoutMs, find)) ?? [];
}
