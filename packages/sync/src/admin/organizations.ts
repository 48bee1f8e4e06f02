import type { ClerkGateway, ClerkOrganization } from "@rollcall/clerk";
import {
  AppError,
  type JobView,
  type OrganizationEntry,
  type OrganizationExplanation,
  type OrganizationMember,
  type OrganizationReport,
  readErrorCode,
} from "@rollcall/contracts";
import {
  findOrganization,
  findOrganizationNames,
  findOrganizationState,
  listActivity,
  listMembers,
  listOrganizations,
  type Pool,
  recordAdminEvents,
} from "@rollcall/db";
import {
  addOrganizationJob,
  findDeadLettersOfOrganization,
  findJobsOfOrganization,
  type Producers,
  type UserProducer,
} from "@rollcall/jobs";
import { askQueue } from "./status.ts";

export type OrganizationReportContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY: then the state at Clerk is unknown. */
  clerk: Pick<ClerkGateway, "readOrganization"> | undefined;
  producers: Pick<Producers, "sync" | "dead-letter">;
};

const timelineLength = 50;
const queueTimeoutMs = 3_000;
const addDeadlineMs = 2_000;

type Page<Item> = { items: Item[]; nextCursor: string | null };
type PageWish = { cursor: string | undefined; limit: number };

/** @throws AppError `organization.off` while the mapping has no organizations */
export function requireOrganizations({ tables }: Pick<Pool, "tables">): void {
  if (!tables.organizations) throw new AppError("organization.off", "The mapping has no organizations");
}

/** Organizations by the start of an id, or by part of a name or a slug. @throws AppError `organization.off` */
export async function findOrganizations(
  pool: Pool,
  wish: PageWish & { query: string | undefined },
): Promise<Page<OrganizationEntry>> {
  requireOrganizations(pool);
  return listOrganizations(pool, wish);
}

/** The members of an organization, as Rollcall has them. @throws AppError `organization.off` */
export async function findMembers(
  pool: Pool,
  wish: PageWish & { clerkOrgId: string },
): Promise<Page<OrganizationMember>> {
  requireOrganizations(pool);
  return listMembers(pool, wish);
}

/** The names of the organizations among these ids, by id. They stand in answers alone, as those of people do. */
export async function nameOrganizations(
  pool: Pool,
  ids: readonly (string | null)[],
): Promise<Map<string, string | null>> {
  const ours = [...new Set(ids.filter((id) => id?.startsWith("org_")))];
  if (ours.length === 0) return new Map();
  // A list is whole without names.
  return findOrganizationNames(
    pool,
    ours.filter((id) => id != null),
  ).catch(() => new Map());
}

/**
 * Adds a sync job for an organization. The request is recorded first: after a failed call the operator sends it again.
 *
 * @param by the operator, for the timeline
 * @throws AppError `organization.off`, `organization.deleted`, `queue.unavailable` or `postgres.unavailable`
 */
export async function requestOrganizationSync(
  { pool, producers }: { pool: Pool; producers: { sync: UserProducer } },
  clerkOrgId: string,
  by: string,
): Promise<void> {
  requireOrganizations(pool);
  if ((await findOrganizationState(pool, clerkOrgId)) === "deleted")
    throw new AppError("organization.deleted", "The organization is a tombstone");
  await recordAdminEvents(pool, by, [{ clerkId: clerkOrgId, kind: "sync_requested", details: {} }]);
  const job = { v: 2, kind: "refresh-organization", cause: "admin", eventAtMs: Date.now() } as const;
  await addOrganizationJob(producers.sync, { ...job, clerkOrgId }, addDeadlineMs);
}

/**
 * Reports all that is known of one organization, with one sentence that explains its state.
 *
 * @returns undefined when neither Clerk nor Rollcall knows the id; while Clerk does not answer, a report
 * @throws AppError `organization.off` or `postgres.unavailable`
 */
export async function explainOrganization(
  context: OrganizationReportContext,
  clerkOrgId: string,
): Promise<OrganizationReport | undefined> {
  const { pool, producers } = context;
  requireOrganizations(pool);
  const [here, { clerk, clerkError, found }, jobs, deadLetters, { items: timeline }] = await Promise.all([
    findOrganization(pool, clerkOrgId),
    askClerk(context.clerk, clerkOrgId),
    findJobs(producers.sync, clerkOrgId),
    askQueue(producers["dead-letter"], queueTimeoutMs, (queue) =>
      findDeadLettersOfOrganization(queue, clerkOrgId),
    ),
    listActivity(pool, {
      ...{ kinds: undefined, causes: undefined, ref: undefined, cursor: undefined },
      clerkId: clerkOrgId,
      limit: timelineLength,
    }),
  ]);
  const letters = deadLetters ?? [];
  const traces = jobs.length + letters.length + timeline.length;
  if (clerk === "absent" && !here && traces === 0) return undefined;
  const facts: OrganizationFacts = {
    state: here?.organization.state,
    hasRow: here?.hasRow ?? false,
    clerk,
    jobs,
    // A letter of a member says nothing about the organization's own row.
    deadLetters: letters.filter(({ clerkId }) => clerkId === null),
    members: here?.organization.members,
    membersAtClerk: found?.members_count ?? null,
  };
  const explanation = decideOrganizationExplanation(facts);
  return {
    clerkOrgId,
    why: describeOrganization(explanation, here?.organization.deletedAt ?? null),
    explanation,
    organization: here?.organization ?? null,
    hasRow: facts.hasRow,
    readTicket: here?.readTicket ?? null,
    clerk,
    clerkError,
    clerkOrganization: found ? viewClerkOrganization(found) : null,
    jobs,
    deadLetters: letters,
    timeline,
  };
}

export type OrganizationFacts = {
  /** Undefined without a row and a state. */
  state: OrganizationEntry["state"] | undefined;
  hasRow: boolean;
  clerk: OrganizationReport["clerk"];
  jobs: readonly Pick<JobView, "code">[];
  deadLetters: readonly Pick<JobView, "code">[];
  members: OrganizationEntry["members"] | undefined;
  membersAtClerk: number | null;
};

/** The state of an organization, as a code. Each code has one English sentence here; pages have sentences of their own. */
export function decideOrganizationExplanation(facts: OrganizationFacts): OrganizationExplanation {
  const { state, clerk, jobs, deadLetters } = facts;
  const errorCode = null;
  if (state === "held" || state === "deleted") return { code: state, errorCode };
  if (state === "live" && facts.hasRow) {
    if (clerk === "absent") return { code: "absent_at_clerk", errorCode };
    const { members, membersAtClerk } = facts;
    const differ = membersAtClerk !== null && members?.more === false && members.count !== membersAtClerk;
    return { code: differ ? "members_differ" : "in_place", errorCode };
  }
  if (jobs.length > 0) {
    const failed = jobs.find(({ code }) => code !== null)?.code ?? null;
    return { code: failed === null ? "on_its_way" : "retried", errorCode: failed };
  }
  const [letter] = deadLetters;
  if (letter) return { code: "dead_letter", errorCode: letter.code };
  if (clerk === "absent") return { code: facts.hasRow ? "absent_at_clerk" : "absent", errorCode };
  if (facts.hasRow) return { code: "unread", errorCode };
  return { code: clerk === "unknown" ? "clerk_unknown" : "not_arrived", errorCode };
}

/** The sentence for people: the present state, and how to change it. */
function describeOrganization(
  { code, errorCode }: OrganizationExplanation,
  deletedAt: string | null,
): string {
  return sentences[code](errorCode, deletedAt);
}

const sentences: Record<
  OrganizationExplanation["code"],
  (errorCode: string | null, deletedAt: string | null) => string
> = {
  held: () =>
    "Absent at Clerk, but the deletion is held: there are too many in one day. An admin must confirm it.",
  deleted: (_, deletedAt) =>
    `Deleted on ${deletedAt}, and its memberships ended; tombstones are final, and Clerk never reuses the id.`,
  in_place: () => "In place: the organization has a row.",
  members_differ: () =>
    "In place, but Clerk counts other members: jobs of members may be on their way. The next full sync compares them.",
  absent_at_clerk: () =>
    "The row is live, but Clerk has no such organization. Sync it: the job asks Clerk again and deletes it.",
  unread: () => "The app's row was never compared with Clerk. Sync it, or wait for the next full sync.",
  retried: (errorCode) => `A job is retried after ${errorCode}.`,
  on_its_way: () => "On its way: a job is waiting or running.",
  dead_letter: (errorCode) =>
    `A dead letter failed with ${errorCode}: see the runbook, fix the cause and replay it.`,
  absent: () => "Clerk has no such organization.",
  clerk_unknown: () => "No job is waiting or running, and Clerk did not answer.",
  not_arrived: () => "Clerk has the organization, but no webhook has arrived yet. Sync it to create the row.",
};

type ClerkAnswer = Pick<OrganizationReport, "clerk" | "clerkError"> & { found?: ClerkOrganization };

async function askClerk(clerk: OrganizationReportContext["clerk"], clerkOrgId: string): Promise<ClerkAnswer> {
  try {
    const result = await clerk?.readOrganization(clerkOrgId);
    if (!result) return { clerk: "unknown", clerkError: null };
    if ("unreadable" in result) throw result.unreadable;
    return "absent" in result
      ? { clerk: "absent", clerkError: null }
      : { clerk: "there", clerkError: null, found: result.found };
  } catch (error) {
    return { clerk: "unknown", clerkError: readErrorCode(error) ?? "internal" };
  }
}

function viewClerkOrganization(
  found: ClerkOrganization,
): NonNullable<OrganizationReport["clerkOrganization"]> {
  return {
    name: found.name ?? null,
    slug: found.slug ?? null,
    membersCount: found.members_count ?? null,
    createdAt: toIso(found.created_at),
    updatedAt: toIso(found.updated_at),
  };
}

const toIso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

async function findJobs(producer: Producers["sync"], clerkOrgId: string): Promise<JobView[]> {
  const lists = await askQueue(producer, queueTimeoutMs, (queues) =>
    // A job may still wait in the shard of an earlier QUEUE_SHARDS.
    Promise.all(queues.map((queue) => findJobsOfOrganization(queue, clerkOrgId))),
  );
  return lists?.flat() ?? [];
}
