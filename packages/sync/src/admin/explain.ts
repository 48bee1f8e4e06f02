import type { ClerkGateway } from "@rollcall/clerk";
import type { JobDeadLetter, JobView, SessionView, UserReport } from "@rollcall/contracts";
import { findSession, isDeletionHeld, listConflictsOfUser, listEventsOfUser, type Pool } from "@rollcall/db";
import {
  findDeadLettersOfUser,
  findJobsOfUser,
  type JobQueue,
  type Producer,
  type Producers,
} from "@rollcall/jobs";
import { askQueue } from "../ask-queue.ts";
import { decideAccess, toSessionView } from "../ensure/session-view.ts";

export type ExplainContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY: then what Clerk says is unknown. */
  clerk: ClerkGateway | undefined;
  producers: Pick<Producers, "ensure" | "sync" | "dead-letter">;
  autoCreate: boolean;
};

const timelineLength = 50;

/**
 * All that is known of one user, and a sentence why they are, or are not, there. Undefined when neither Clerk
 * nor we know the id; a Clerk that could not be asked does not say so.
 *
 * @throws AppError `postgres.unavailable`
 */
export async function explainUser(context: ExplainContext, clerkId: string): Promise<UserReport | undefined> {
  const { pool } = context;
  const [rows, clerk, jobs, deadLetters, conflicts, timeline, isHeld] = await Promise.all([
    findSession(pool, clerkId),
    askClerk(context.clerk, clerkId),
    findJobs(context, clerkId),
    findDeadLetters(context, clerkId),
    listConflictsOfUser(pool, clerkId),
    listEventsOfUser(pool, clerkId, timelineLength),
    isDeletionHeld(pool, clerkId),
  ]);
  const session = rows && toSessionView(rows);
  const traces = jobs.length + deadLetters.length + timeline.length;
  if (clerk === "absent" && !session && traces === 0 && !isHeld) return undefined;
  const facts = { session, clerk, jobs, deadLetters, isHeld, autoCreate: context.autoCreate };
  return {
    clerkId,
    why: decideWhy(facts),
    user: session?.user ?? null,
    mentorado: session?.mentorado ?? null,
    clerk,
    jobs,
    deadLetters,
    conflicts,
    timeline,
  };
}

export type Facts = {
  session: SessionView | undefined;
  clerk: UserReport["clerk"];
  jobs: readonly JobView[];
  deadLetters: readonly JobView[];
  isHeld: boolean;
  autoCreate: boolean;
};

/** The sentence for people: what holds now, and what would change it. */
export function decideWhy(facts: Facts): string {
  const { session } = facts;
  return session ? decideWhyOfRow(facts, session) : decideWhyMissing(facts);
}

function decideWhyOfRow(facts: Facts, session: SessionView): string {
  if (facts.isHeld)
    return "Gone from Clerk, but the deletion is held: too many in a day. A person must confirm it.";
  const access = decideAccess(session, facts);
  switch (access) {
    case "deleted":
      return `Deleted on ${session.user.deletedAt}; tombstones are final, the same person comes back with a new id.`;
    case "banned":
      return "Banned at Clerk, so no profile is made and logins are refused. Unban them at Clerk.";
    case "ready":
      return session.mentorado
        ? "In place: the user has a row and a profile."
        : decideWhyWithoutProfile(session);
    case "incomplete":
      return `The row is there and the profile is not. ${decideWhyMissing(facts)}`;
    default:
      return access satisfies never;
  }
}

function decideWhyWithoutProfile({ user }: SessionView): string {
  return user.role === "admin"
    ? "In place: an admin has a row and needs no profile."
    : "In place without a profile: automatic creation is switched off.";
}

function decideWhyMissing({ clerk, jobs, deadLetters }: Facts): string {
  const [letter] = deadLetters;
  if (jobs.length > 0) {
    const failed = jobs.find((job) => job.code !== null)?.code;
    return failed ? `Being tried again after ${failed}.` : "On its way: a job is waiting or running.";
  }
  if (letter)
    return `Failed for good with ${letter.code}: see the runbook, mend it and replay the dead letter; their next login tries again too.`;
  if (clerk === "absent") return "Clerk has no such user.";
  if (clerk === "unknown") return "Nothing is under way, and Clerk could not be asked.";
  return "Clerk has the user, but no webhook and no login told us yet. Their next login does it.";
}

async function askClerk(clerk: ClerkGateway | undefined, clerkId: string): Promise<UserReport["clerk"]> {
  try {
    const reading = await clerk?.readUser(clerkId);
    if (!reading || "unreadable" in reading) return "unknown";
    if ("absent" in reading) return "absent";
    return reading.found.banned ? "banned" : "there";
  } catch {
    return "unknown";
  }
}

async function findJobs({ producers }: ExplainContext, clerkId: string): Promise<JobView[]> {
  const lists = await Promise.all(
    [producers.ensure, producers.sync].map((producer) =>
      asking(producer, (queue) => findJobsOfUser(queue, clerkId)),
    ),
  );
  return lists.flat();
}

function findDeadLetters({ producers }: ExplainContext, clerkId: string): Promise<JobDeadLetter[]> {
  return asking(producers["dead-letter"], (queue) => findDeadLettersOfUser(queue, clerkId));
}

/** What a queue that is away or frozen would say is not known, which must not hide all the rest. */
async function asking<Found>(
  producer: Producer,
  ask: (queue: JobQueue) => Promise<Found[]>,
): Promise<Found[]> {
  return (await askQueue(producer, queueTimeoutMs, ask)) ?? [];
}

const queueTimeoutMs = 3_000;
