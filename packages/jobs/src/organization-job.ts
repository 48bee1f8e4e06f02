import { AppError, clerkOrganizationId, clerkUserId, type JobView } from "@rollcall/contracts";
import { z } from "zod";
import type { JobQueue } from "./backend.ts";
import type { UserProducer } from "./producer.ts";
import { retryOptions } from "./retry.ts";
import { findJobs, syncCause } from "./sync-job.ts";

const common = {
  // Version 2: an older worker leaves the job waiting.
  v: z.literal(2),
  clerkOrgId: clerkOrganizationId,
  cause: syncCause,
  /** When the event happened at Clerk, or when the caller asked; milliseconds since the epoch. */
  eventAtMs: z.number().int().nonnegative(),
  /** The svix-id of the delivery that caused the job. */
  delivery: z.string().optional(),
};

/**
 * The whole payload: "bring organization X, or the membership of the pair X and Y, up to date". As with users, it describes
 * none, and a delete job is a reason to ask Clerk and no proof.
 */
export const organizationJob = z.discriminatedUnion("kind", [
  z.object({ ...common, kind: z.enum(["refresh-organization", "delete-organization"]) }),
  z.object({ ...common, kind: z.enum(["refresh-membership", "delete-membership"]), clerkId: clerkUserId }),
]);

export type OrganizationJob = z.infer<typeof organizationJob>;
export type MembershipJob = Extract<OrganizationJob, { clerkId: string }>;

const kinds: readonly string[] = organizationJob.options.flatMap(({ shape }) => shape.kind.options);

/** Whether a job of this name is about an organization or a membership. */
export const isOrganizationJobName = (name: string): boolean => kinds.includes(name);

/** Adds a job about an organization or a membership to a queue. @throws AppError `queue.unavailable` */
export function addOrganizationJob(
  producer: UserProducer,
  job: OrganizationJob,
  deadlineMs: number,
): Promise<void> {
  const ids = "clerkId" in job ? [job.clerkOrgId, job.clerkId] : [job.clerkOrgId];
  // Waiting jobs of one kind and organization or pair merge: see decideJobOptions of sync jobs. The end of a membership merges
  // with its own copies alone, because its time says which membership of the pair it can be.
  const time = job.kind === "delete-membership" ? [String(job.eventAtMs)] : [];
  const deduplication = { id: dedupId(job.kind, [...ids, ...time]), keepLastIfActive: true };
  const options = { ...retryOptions, deduplication };
  // Jobs that merge must be in one shard. A pair's is that of its organization.
  return producer.add({ name: job.kind, payload: job, options, clerkId: job.clerkOrgId }, deadlineMs);
}

const dedupId = (kind: OrganizationJob["kind"], ids: readonly string[]) => [kind, ...ids].join(".");

/** An organization's waiting and active jobs in a queue, those of its memberships left out. */
export function findJobsOfOrganization(queue: JobQueue, clerkOrgId: string): Promise<JobView[]> {
  const [own] = organizationJob.options;
  return findJobs(
    queue,
    own.shape.kind.options.map((kind) => dedupId(kind, [clerkOrgId])),
  );
}

/** A pair's waiting and active jobs in a queue. */
export function findJobsOfMembership(
  queue: JobQueue,
  { clerkOrgId, clerkId }: { clerkOrgId: string; clerkId: string },
): Promise<JobView[]> {
  const [, pair] = organizationJob.options;
  return findJobs(
    queue,
    pair.shape.kind.options.map((kind) => dedupId(kind, [clerkOrgId, clerkId])),
  );
}

/** Reads a job's payload. @throws AppError `job.unreadable` */
export function readOrganizationJob(payload: unknown): OrganizationJob {
  const result = organizationJob.safeParse(payload);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => issue.path.join(".") || "payload");
  throw new AppError("job.unreadable", `This version reads no such organization job: ${fields.join(", ")}`);
}
