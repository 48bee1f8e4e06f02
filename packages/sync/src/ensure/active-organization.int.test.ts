import { defaultMapping } from "@rollcall/contracts";
import {
  applyMemberships,
  applyOrganizations,
  endMembership,
  inTransaction,
  type Pool,
  readClock,
  recordAbsenceAt,
  tombstoneOrganization,
} from "@rollcall/db";
import type { UserProducer } from "@rollcall/jobs";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { createTestPool, testDefaults, userWrite } from "../testing/fixtures.ts";
import { writeUsers } from "../user/write-users.ts";
import { ensureMembership } from "./active-organization.ts";

const why = { cause: "webhook", ref: null };
const stamps = { clerkCreatedAtMs: 1_000, clerkUpdatedAtMs: 1_000, readTicket: 1, ...why };

let pool: Pool;
let pair: { clerkOrgId: string; clerkId: string };
let made = 0;
/** The names of the jobs that calls added. */
let added: string[];
/** What a worker does with a job. */
let work: () => Promise<void>;

beforeAll(async () => {
  pool = await createTestPool(inject("postgresUrl"), { ...defaultMapping, organizations: {} });
});
afterAll(() => pool?.end());
beforeEach(async () => {
  made++;
  pair = { clerkOrgId: `org_${made}`, clerkId: `user_${made}` };
  added = [];
  work = async () => undefined;
  await writeUsers(pool, [userWrite(pair.clerkId)], testDefaults);
  const { clerkOrgId } = pair;
  const organization = { clerkOrgId, name: "A", slug: "a", imageUrl: null, membersCount: 1, ...stamps };
  await inTransaction(pool, (client) => applyOrganizations(client, [organization]));
});

const queue: UserProducer = {
  add: async ({ name }) => {
    added.push(name);
    await work();
  },
};

/** @param deadlineMs long where an answer must come before the deadline */
const ensure = (deadlineMs = 60_000) => ensureMembership({ pool, queue }, pair, Date.now() + deadlineMs);

const join = (membershipId = "orgmem_1", createdMs = 1_000) => {
  const membership = { ...pair, membershipId, role: "org:member", ...stamps, clerkCreatedAtMs: createdMs };
  return inTransaction(pool, (client) => applyMemberships(client, [membership]));
};
const leave = () => {
  const before = { membershipId: "orgmem_1", readTicket: 2 };
  return inTransaction(pool, (client) => endMembership(client, pair, before, { by: "signature", ...why }));
};
const recordAbsence = async (askedAt?: string) =>
  recordAbsenceAt(pool, `${pair.clerkOrgId} ${pair.clerkId}`, askedAt ?? (await readClock(pool)));

const refused = { kind: "not_a_member", path: "queue" };

test("a member by the rows is answered without a job", async () => {
  await join();
  const { clerkOrgId } = pair;
  expect(await ensure()).toMatchObject({
    kind: "member",
    path: "row",
    organization: {
      view: { id: made, clerkOrgId, name: "A", slug: "a", imageUrl: null, role: "org:member" },
    },
  });
  expect(added).toEqual([]);
});

test("an ended membership is refused as soon as Clerk lacks it, and each call asks again", async () => {
  await join();
  await leave();
  work = () => recordAbsence();
  expect(await ensure()).toEqual(refused);
  expect(await ensure()).toEqual(refused);
  expect(added).toEqual(["refresh-membership", "refresh-membership"]);
});

test("an absence that Clerk was asked for before the call refuses no user who has joined again since", async () => {
  await join();
  await leave();
  const before = await readClock(pool);
  // The job of an earlier call: its answer comes now, and is older than the new membership.
  work = () => recordAbsence(before);
  expect(await ensure(500)).toEqual({ kind: "pending" });
  work = async () => {
    await recordAbsence(before);
    await join("orgmem_2", 2_000);
  };
  expect(await ensure()).toMatchObject({ kind: "member", path: "queue" });
});

test("a pair that no row knows is refused at the deadline alone, because Clerk's reads may lag", async () => {
  work = () => recordAbsence();
  expect(await ensure(500)).toEqual(refused);
  work = async () => {
    await recordAbsence();
    setTimeout(() => void join(), 100);
  };
  expect(await ensure()).toMatchObject({ kind: "member", path: "queue" });
});

test("without a worker, the answer is pending", async () => {
  expect(await ensure(500)).toEqual({ kind: "pending" });
});

test("a member of a deleted organization is refused without a job", async () => {
  await join();
  const { clerkOrgId } = pair;
  await inTransaction(pool, (client) =>
    tombstoneOrganization(client, clerkOrgId, { by: "signature", ...why }),
  );
  expect(await ensure()).toEqual({ kind: "not_a_member", path: "row" });
  expect(added).toEqual([]);
});

test("a row that the app wrote by itself makes no member, and neither does a state whose row the app deleted", async () => {
  await pool.query(
    `insert into organization_memberships (user_id, organization_id, role)
     select u.id, o.id, 'org:admin' from users u, organizations o where u.clerk_id = $1 and o.clerk_org_id = $2`,
    [pair.clerkId, pair.clerkOrgId],
  );
  expect(await ensure(300)).toEqual({ kind: "pending" });
  await join();
  expect(await ensure()).toMatchObject({ kind: "member", organization: { view: { role: "org:member" } } });
  await pool.query("delete from organization_memberships where organization_id = $1", [made]);
  expect(await ensure(300)).toEqual({ kind: "pending" });
});
