import { expect, test } from "vitest";
import type { JobToAdd } from "./backend.ts";
import { canReplay, type DeadLetter, readClerkId, replayDeadLetter } from "./dead-letters.ts";
import { addOrganizationJob, type OrganizationJob, readOrganizationJob } from "./organization-job.ts";
import { isOfNewerVersion } from "./payload-version.ts";
import { readSyncJob } from "./sync-job.ts";

const asked = { v: 2, clerkOrgId: "org_a", cause: "webhook", eventAtMs: 1, delivery: "msg_1" } as const;
const organization: OrganizationJob = { ...asked, kind: "refresh-organization" };
const membership: OrganizationJob = { ...asked, kind: "refresh-membership", clerkId: "user_a" };

async function listAdded(
  add: (producer: { add(job: JobToAdd & { clerkId: string }): Promise<void> }) => Promise<void>,
) {
  const added: (JobToAdd & { clerkId: string })[] = [];
  await add({ add: async (job) => void added.push(job) });
  return added;
}

test("jobs of another kind, organization or user never merge, and those that merge are in one shard", async () => {
  const jobs: OrganizationJob[] = [
    organization,
    { ...asked, kind: "delete-organization" },
    membership,
    { ...membership, kind: "delete-membership" },
    // The user joined again, and left again.
    { ...membership, kind: "delete-membership", eventAtMs: 2 },
    { ...membership, clerkId: "user_b" },
    { ...membership, clerkOrgId: "org_b" },
  ];
  const added = await listAdded(async (producer) => {
    for (const job of [...jobs, membership]) await addOrganizationJob(producer, job, 1_000);
  });
  const ids = added.map(({ options }) => options.deduplication?.id);
  expect(new Set(ids).size).toBe(jobs.length);
  expect(ids.at(-1)).toBe(ids[2]);
  expect(added.at(-1)?.clerkId).toBe(added[2]?.clerkId);
});

test("a payload names an organization or a pair, and a worker of the version before waits with it", () => {
  expect(readOrganizationJob({ ...membership, role: "org:admin", name: "Ana" })).toEqual(membership);
  expect(isOfNewerVersion(membership)).toBe(false);
  expect(isOfNewerVersion({ ...membership, v: 3 })).toBe(true);
  // The version before reads version 1 alone.
  expect(() => readSyncJob(membership)).toThrow("This version reads no such sync job");
  expect(() => readOrganizationJob({ ...asked, kind: "refresh-membership" })).toThrow("clerkId");
});

test("a dead letter of either kind is replayed as a new job of the same kind", async () => {
  for (const job of [organization, membership]) {
    const letter: DeadLetter = {
      ...{ v: 1, queue: "sync", name: job.kind, payload: job, code: "clerk.unreadable", attempts: 5 },
      ...{ firstAtMs: 1, failedAtMs: 2, replayable: true },
    };
    expect(canReplay(letter)).toBe(true);
    expect(readClerkId(letter)).toBe("clerkId" in job ? job.clerkId : null);
    const [added] = await listAdded((sync) =>
      replayDeadLetter({ ensure: sync, sync }, { ...letter, id: "1" }, 1_000),
    );
    const { delivery: _, ...named } = job;
    expect(added?.payload).toEqual({ ...named, cause: "replay", eventAtMs: expect.any(Number) });
  }
});
