import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { defaultMapping } from "@rollcall/contracts";
import { type MembershipSnapshot, migrateUp, type Pool } from "@rollcall/db";
import type { OrganizationJob } from "@rollcall/jobs";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createTestWorker, type TestWorker } from "../testing/workers.ts";
import type { OrganizationContext } from "./organization-context.ts";
import { syncOrganization } from "./sync-organization.ts";

let clerk: ClerkSimulator;
let worker: TestWorker;
let context: OrganizationContext;
let pool: Pool;

beforeAll(async () => {
  // An hour ago, so that no list may be older than a membership.
  clerk = await startClerkSimulator({ rateLimit: null, now: () => Date.now() - 3_600_000 });
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  worker = createTestWorker(databaseUrl, clerk, { ...defaultMapping, organizations: {} });
  context = worker.organizations;
  pool = context.pool;
  await migrateUp(pool);
});
beforeEach(async () => {
  await clerk.faults.heal();
  await pool.query("truncate public.organization_memberships");
});
afterAll(async () => {
  await worker.close();
  await clerk.stop();
});

/** The ids of new users at Clerk. */
async function createUsers(count: number): Promise<string[]> {
  const before = await clerk.users.count();
  await clerk.users.seed(count);
  return (await clerk.users.list({ offset: before, limit: count })).map(({ id }) => id);
}

const join = (clerkOrgId: string, clerkId: string): OrganizationJob => ({
  ...{ v: 2, kind: "refresh-membership", cause: "webhook", eventAtMs: 1 },
  ...{ clerkOrgId, clerkId },
});

const runAll = (jobs: readonly OrganizationJob[], attempt = 4) =>
  Promise.allSettled(jobs.map((job) => syncOrganization(context, job, attempt)));

test("500 jobs of an import whose users and organization have no rows yet take few requests", async () => {
  const { id } = await clerk.organizations.create();
  const users = await createUsers(500);
  for (const user of users) await clerk.memberships.create(id, user);
  await clerk.requests.clear();
  const outcomes = await runAll(users.map((user) => join(id, user)));
  expect(new Set(outcomes.map((one) => "value" in one && one.value))).toEqual(new Set(["written"]));
  const { rows } = await pool.query("select count(*)::int as n from public.organization_memberships");
  expect(rows).toEqual([{ n: 500 }]);
  // Six lists of members. The other requests read users, 100 at once, and the organization for several jobs at once.
  const { total } = await clerk.requests.totals();
  expect(total).toBeGreaterThan(6);
  expect(total).toBeLessThan(50);
});

test("one list proves the absence of all who left, and one of them fails alone", async () => {
  const { id } = await clerk.organizations.create();
  const users = await createUsers(12);
  // A list proves nothing of a membership that may be younger than it.
  const createdAtMs = Date.now() - 600_000;
  for (const user of users) await clerk.memberships.create(id, user, { createdAtMs });
  await runAll(users.map((user) => join(id, user)));
  const [odd = "", ...others] = users;
  const left = others.slice(0, 3);
  for (const user of left) await clerk.memberships.delete(id, user);
  await clerk.memberships.update(id, odd, { raw: { role: 7 } });
  await clerk.requests.clear();
  const outcomes = await runAll(users.map((user) => join(id, user)));
  expect(outcomes.filter(({ status }) => status === "rejected")).toMatchObject([
    { reason: { code: "clerk.unreadable" } },
  ]);
  const ended = outcomes.filter((one) => "value" in one && one.value === "tombstoned");
  expect(ended).toHaveLength(3);
  // One list, two that prove the absences, and again at most three for each of them with its row known. Alone: 27 requests.
  expect((await clerk.requests.totals()).total).toBeLessThanOrEqual(12);
});

test("an entry that may be any user's proves no absence, and costs the members nothing", async () => {
  const { id } = await clerk.organizations.create();
  const users = await createUsers(4);
  for (const user of users) await clerk.memberships.create(id, user);
  const [odd = "", gone = "", ...members] = users;
  await clerk.memberships.delete(id, gone);
  await clerk.memberships.update(id, odd, { raw: { public_user_data: {} } });
  const [first, second, ...others] = await runAll([odd, gone, ...members].map((user) => join(id, user)));
  expect(first).toMatchObject({ reason: { code: "clerk.unreadable" } });
  expect(second).toMatchObject({ value: "absent" });
  expect(others).toMatchObject([{ value: "written" }, { value: "written" }]);
});

test("of two reads of one pair, the newer is written in whatever order they come", async () => {
  const { id } = await clerk.organizations.create();
  const [user = ""] = await createUsers(1);
  await clerk.memberships.create(id, user);
  await runAll([join(id, user)]);
  for (let n = 0; n < 4; n++) {
    // Later than whatever was written before.
    const createdAtMs = 4e12 + n * 1_000;
    const older: MembershipSnapshot = {
      ...{ clerkOrgId: id, clerkId: user, membershipId: `orgmem_${n}`, role: `org:older_${n}` },
      ...{ clerkCreatedAtMs: createdAtMs, clerkUpdatedAtMs: createdAtMs + 9, readTicket: 2e9 },
      ...{ cause: "webhook", ref: null },
    };
    const newer: MembershipSnapshot = {
      ...{ ...older, role: `org:newer_${n}`, readTicket: 1e9 },
      ...(n < 2
        ? { clerkUpdatedAtMs: createdAtMs + 10 }
        : {
            membershipId: `orgmem_again_${n}`,
            clerkCreatedAtMs: createdAtMs + 1,
            clerkUpdatedAtMs: createdAtMs + 1,
          }),
    };
    await Promise.all((n % 2 === 0 ? [newer, older] : [older, newer]).map(context.writeMembership));
    const { rows } = await pool.query("select role from public.organization_memberships");
    expect(rows).toEqual([{ role: newer.role }]);
  }
});

test("a membership that Postgres refuses does not fail the others of its write", async () => {
  await pool.query(
    "alter table public.organization_memberships add constraint known check (role <> 'org:odd')",
  );
  const { id } = await clerk.organizations.create();
  const users = await createUsers(3);
  for (const [index, user] of users.entries())
    await clerk.memberships.create(id, user, { role: index === 1 ? "org:odd" : "org:member" });
  const outcomes = await runAll(users.map((user) => join(id, user)));
  expect(outcomes).toMatchObject([
    { value: "written" },
    { reason: { code: "user.rejected" } },
    { value: "written" },
  ]);
});
