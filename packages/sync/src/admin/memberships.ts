import type { ClerkGateway, MembershipPair } from "@rollcall/clerk";
import {
  type EventView,
  type JobDeadLetter,
  type JobView,
  readErrorCode,
  type UserMembership,
} from "@rollcall/contracts";
import { findMembership, findMembershipState, listEventsOfUser, type Pool } from "@rollcall/db";
import { findDeadLettersOfOrganization, findJobsOfMembership, type Producers } from "@rollcall/jobs";
import { requireOrganizations } from "./organizations.ts";
import { askQueue } from "./status.ts";

export type MembershipReportContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY: then the state at Clerk is unknown. */
  clerk: Pick<ClerkGateway, "readMembership"> | undefined;
  producers: Pick<Producers, "ensure" | "sync" | "dead-letter">;
};

/** Everything known about one membership, with one sentence (`why`) that explains the state. */
export type MembershipReport = MembershipPair & {
  why: string;
  /** Null without a live membership. */
  membership: UserMembership | null;
  /** `unknown` when Clerk gave no answer; `clerkError` then says why. */
  clerk: "there" | "absent" | "unknown";
  clerkError: string | null;
  /** Null unless Clerk has the membership and its role can be read. */
  clerkRole: string | null;
  jobs: JobView[];
  deadLetters: JobDeadLetter[];
  /** The newest events of the user that are about this organization. */
  timeline: EventView[];
};

const searchedEvents = 500;
const queueTimeoutMs = 3_000;

/**
 * Reports all that is known of the membership of a pair.
 *
 * @returns undefined when neither Clerk nor Rollcall knows it; while Clerk does not answer, a report
 * @throws AppError `organization.off` or `postgres.unavailable`
 */
export async function explainMembership(
  { pool, clerk, producers }: MembershipReportContext,
  pair: MembershipPair,
): Promise<MembershipReport | undefined> {
  requireOrganizations(pool);
  const [membership, { isEnded }, atClerk, jobs, letters, events] = await Promise.all([
    findMembership(pool, pair),
    findMembershipState(pool, pair),
    askClerk(clerk, pair),
    findJobs(producers, pair),
    askQueue(producers["dead-letter"], queueTimeoutMs, (queue) =>
      findDeadLettersOfOrganization(queue, pair.clerkOrgId),
    ),
    listEventsOfUser(pool, pair.clerkId, searchedEvents),
  ]);
  const deadLetters = (letters ?? []).filter(({ clerkId }) => clerkId === pair.clerkId);
  const timeline = events.filter(({ details }) => details["clerkOrgId"] === pair.clerkOrgId);
  const traces = jobs.length + deadLetters.length + timeline.length;
  if (atClerk.clerk === "absent" && !membership && !isEnded && traces === 0) return undefined;
  const { clerkOrgId, clerkId } = pair;
  const facts = { membership, isEnded, ...atClerk, jobs, deadLetters };
  return {
    ...{ clerkOrgId, clerkId, why: decideMembershipSentence(facts) },
    ...{ membership: membership ?? null, ...atClerk, jobs, deadLetters, timeline },
  };
}

export type MembershipFacts = Pick<MembershipReport, "clerk" | "clerkRole"> & {
  membership: Pick<UserMembership, "role" | "hasRow" | "held"> | undefined;
  isEnded: boolean;
  jobs: readonly Pick<JobView, "code">[];
  deadLetters: readonly Pick<JobView, "code">[];
};

/** The sentence for people: the present state, and how it changes. */
export function decideMembershipSentence(facts: MembershipFacts): string {
  const { membership, clerk, clerkRole, jobs, deadLetters } = facts;
  if (membership?.held)
    return "Absent at Clerk, but the end is held: there are too many in one day. An admin must confirm it.";
  if (membership?.hasRow) {
    const role = membership.role === null ? "" : ` with the role ${membership.role}`;
    if (clerk === "absent")
      return "The row is live, but Clerk has no such membership. The next full sync asks again and ends it.";
    return clerkRole !== null && membership.role !== null && clerkRole !== membership.role
      ? `A member${role}, but Clerk says ${clerkRole}. The next full sync writes it.`
      : `In place: a member${role}.`;
  }
  const failed = jobs.find(({ code }) => code !== null);
  if (failed) return `A job is retried after ${failed.code}.`;
  if (jobs.length > 0) return "On its way: a job is waiting or running.";
  const [letter] = deadLetters;
  if (letter)
    return `A dead letter failed with ${letter.code}: see the runbook, fix the cause and replay it.`;
  if (membership)
    return "The app's row is gone, but the membership is live. A change at Clerk writes it again.";
  if (clerk === "there") return "Clerk has the membership, but no webhook and no login has arrived yet.";
  if (facts.isEnded) return "The membership ended. A user who joins again has another one.";
  return clerk === "absent"
    ? "Clerk has no such membership."
    : "There is no row and no job, and Clerk did not answer.";
}

type ClerkAnswer = Pick<MembershipReport, "clerk" | "clerkError" | "clerkRole">;

async function askClerk(clerk: MembershipReportContext["clerk"], pair: MembershipPair): Promise<ClerkAnswer> {
  const nothing = { clerkError: null, clerkRole: null };
  try {
    const result = await clerk?.readMembership(pair);
    if (!result) return { ...nothing, clerk: "unknown" };
    if ("unreadable" in result) throw result.unreadable;
    return "absent" in result
      ? { ...nothing, clerk: "absent" }
      : { ...nothing, clerk: "there", clerkRole: result.found.role };
  } catch (error) {
    return { ...nothing, clerk: "unknown", clerkError: readErrorCode(error) ?? "internal" };
  }
}

async function findJobs(
  producers: Pick<Producers, "ensure" | "sync">,
  pair: MembershipPair,
): Promise<JobView[]> {
  const lists = await Promise.all(
    [producers.ensure, producers.sync].map((producer) =>
      askQueue(producer, queueTimeoutMs, (queues) =>
        // A job may still wait in the shard of an earlier QUEUE_SHARDS.
        Promise.all(queues.map((queue) => findJobsOfMembership(queue, pair))),
      ),
    ),
  );
  return lists.flatMap((list) => list?.flat() ?? []);
}
