import type { ClerkMembership, ClerkOrganization, MembershipPair } from "@rollcall/clerk";
import { AppError, defaultMapping, readErrorCode } from "@rollcall/contracts";
import { inTransaction, nextReadSequence, type Pool, tombstoneUsers } from "@rollcall/db";
import type { OrganizationJob } from "@rollcall/jobs";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { noSessionCache } from "../ensure/session-cache.ts";
import { createTestPool, testDefaults, userWrite } from "../testing/fixtures.ts";
import { writeUsers } from "../user/write-users.ts";
import { createOrganizationContext, type OrganizationContext } from "./organization-context.ts";
import { syncOrganization } from "./sync-organization.ts";

/** What Clerk holds. Its requests are those of the gateway, which has tests of its own against the simulator. */
type Clerk = {
  organizations: Map<string, ClerkOrganization>;
  memberships: Map<string, ClerkMembership>;
  users: Set<string>;
  /** Called before an answer is given, after it was decided. */
  beforeAnswer: () => Promise<void>;
};

let pool: Pool;
let clerk: Clerk;
let context: OrganizationContext;

beforeEach(async () => {
  pool = await createTestPool(inject("postgresUrl"), { ...defaultMapping, organizations: {} });
  clerk = {
    organizations: new Map(),
    memberships: new Map(),
    users: new Set(),
    beforeAnswer: async () => undefined,
  };
  const refreshUser = async (clerkId: string) => {
    if (!clerk.users.has(clerkId)) throw new AppError("user.absent", "Clerk has no such user yet");
    const readTicket = await nextReadSequence(pool);
    await writeUsers(pool, [userWrite(clerkId, { readTicket })], testDefaults);
  };
  context = createOrganizationContext({ pool, sessionCache: noSessionCache, refreshUser }, requests);
});
afterEach(() => pool.end());

const membershipOf = (clerkOrgId: string, clerkId: string) =>
  clerk.memberships.get(`${clerkOrgId} ${clerkId}`);

const requests = {
  readOrganization: (id: string) => answer(clerk.organizations.get(id)),
  readMembership: ({ clerkOrgId, clerkId }: MembershipPair) => answer(membershipOf(clerkOrgId, clerkId)),
  // A list lacks what is absent. Absent members were confirmed.
  readOrganizations: async (ids: readonly string[]) => {
    const found = ids.flatMap((id) => clerk.organizations.get(id) ?? []);
    await clerk.beforeAnswer();
    return new Map(found.map((one) => [one.id, { found: one }]));
  },
  readMemberships: async (clerkOrgId: string, ids: readonly string[]) => {
    const results = ids.map((id) => [id, answer(membershipOf(clerkOrgId, id))] as const);
    return new Map(await Promise.all(results.map(async ([id, result]) => [id, await result] as const)));
  },
  countUsers: async () => clerk.users.size,
};

async function answer<T extends object>(value: T | undefined): Promise<{ found: T } | { absent: true }> {
  const result = value ? { found: { ...value } } : ({ absent: true } as const);
  await clerk.beforeAnswer();
  return result;
}

let clock = 1_000;
let made = 0;

function addOrganization(id: string): void {
  clock++;
  const times = { created_at: clock, updated_at: clock };
  clerk.organizations.set(id, {
    id,
    name: `Name ${clock}`,
    slug: id,
    image_url: null,
    members_count: 0,
    ...times,
  });
}

function addMember(clerkOrgId: string, clerkId: string, role = "org:member"): void {
  clock++;
  clerk.users.add(clerkId);
  const times = { created_at: clock, updated_at: clock };
  clerk.memberships.set(`${clerkOrgId} ${clerkId}`, {
    id: `orgmem_${made++}`,
    clerkOrgId,
    clerkId,
    role,
    ...times,
  });
}

const asked = { v: 2, cause: "webhook", eventAtMs: 1 } as const;
const refresh = (clerkOrgId: string): OrganizationJob => ({
  ...asked,
  kind: "refresh-organization",
  clerkOrgId,
});
const remove = (clerkOrgId: string): OrganizationJob => ({
  ...asked,
  kind: "delete-organization",
  clerkOrgId,
});
const join = (clerkOrgId: string, clerkId: string): OrganizationJob => ({
  ...{ ...asked, kind: "refresh-membership" as const },
  ...{ clerkOrgId, clerkId },
});
const leave = (clerkOrgId: string, clerkId: string): OrganizationJob => ({
  ...{ ...asked, kind: "delete-membership" as const },
  ...{ clerkOrgId, clerkId },
});

const run = (job: OrganizationJob, attempt = 1) =>
  syncOrganization(context, job, attempt).catch((error: unknown) => readErrorCode(error));

/** A change before the next answer alone. */
const once = (change: () => Promise<unknown>) => async () => {
  clerk.beforeAnswer = async () => undefined;
  await change();
};

/** Runs a job up to five times, as the queue does. */
async function settle(job: OrganizationJob): Promise<void> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const outcome = await run(job, attempt);
    if (outcome === "user.absent" || outcome === "user.still_there") continue;
    expect(outcome).toMatch(/^(written|unchanged|tombstoned|deleted|absent|held|still_there)$/);
    return;
  }
  expect.unreachable("A job became a dead letter");
}

async function listRows(): Promise<{ organizations: string[]; memberships: string[] }> {
  const organizations = await pool.query<{ line: string }>(
    "select concat_ws(' ', clerk_org_id, name) as line from organizations where deleted_at is null order by 1",
  );
  const memberships = await pool.query<{ line: string }>(
    `select concat_ws(' ', o.clerk_org_id, u.clerk_id, m.role) as line from organization_memberships m
     join organizations o on o.id = m.organization_id join users u on u.id = m.user_id order by 1`,
  );
  return {
    organizations: organizations.rows.map(({ line }) => line),
    memberships: memberships.rows.map(({ line }) => line),
  };
}

test("a membership that arrives before its user and its organization refreshes both first", async () => {
  addOrganization("org_a");
  addMember("org_a", "user_a", "org:admin");
  expect(await run(join("org_a", "user_a"))).toBe("written");
  expect((await listRows()).memberships).toEqual(["org_a user_a org:admin"]);
  expect(await run(join("org_a", "user_a"))).toBe("unchanged");
});

test("a membership waits for a user that Clerk does not show yet, and ends as absent without one", async () => {
  addOrganization("org_a");
  addMember("org_a", "user_a");
  clerk.users.clear();
  expect(await run(join("org_a", "user_a"))).toBe("user.absent");
  clerk.users.add("user_a");
  expect(await run(join("org_a", "user_a"), 2)).toBe("written");
  for (const [attempt, outcome] of [
    [3, "user.absent"],
    [4, "absent"],
  ] as const) {
    expect(await run(refresh("org_none"), attempt)).toBe(outcome);
    expect(await run(join("org_a", "user_none"), attempt)).toBe(outcome);
  }
});

test("a deletion is believed only when Clerk confirms it", async () => {
  addOrganization("org_a");
  addMember("org_a", "user_a");
  await run(join("org_a", "user_a"));
  for (const job of [remove("org_a"), { ...leave("org_a", "user_a"), eventAtMs: clock }]) {
    expect(await run(job)).toBe("user.still_there");
    expect(await run(job, 5)).toBe("still_there");
  }
  expect((await listRows()).memberships).toHaveLength(1);
  // The event is older than the membership, so it was about an earlier one.
  expect(await run({ ...leave("org_a", "user_a"), eventAtMs: clock - 1 })).toBe("unchanged");
  // The user left and joined again before the job ran.
  addMember("org_a", "user_a", "org:admin");
  expect(await run(leave("org_a", "user_a"))).toBe("written");
  expect((await listRows()).memberships).toEqual(["org_a user_a org:admin"]);
  clerk.memberships.clear();
  expect(await run(leave("org_a", "user_a"))).toBe("tombstoned");
  expect(await run(leave("org_a", "user_a"))).toBe("deleted");
  addMember("org_a", "user_a");
  expect(await run(join("org_a", "user_a"))).toBe("written");
  clerk.organizations.clear();
  clerk.memberships.clear();
  expect(await run(remove("org_a"))).toBe("tombstoned");
  expect(await listRows()).toEqual({ organizations: [], memberships: [] });
});

test("an answer older than the row neither deletes nor ends anything", async () => {
  // The row comes while the deletion asks Clerk, and Clerk's answer is from before.
  const interrupt = (change: () => Promise<unknown>) => {
    clerk.beforeAnswer = once(change);
  };
  interrupt(async () => {
    addOrganization("org_a");
    await run(refresh("org_a"));
  });
  expect(await run(remove("org_a"))).toBe("user.still_there");
  interrupt(async () => {
    addMember("org_a", "user_a");
    await run(join("org_a", "user_a"));
  });
  expect(await run(leave("org_a", "user_a"))).toBe("user.still_there");
  expect(await listRows()).toMatchObject({
    organizations: [expect.any(String)],
    memberships: [expect.any(String)],
  });
});

test("a refresh that asked before the row was there asks again, and neither deletes nor ends anything", async () => {
  clerk.beforeAnswer = once(async () => {
    addOrganization("org_a");
    await run(refresh("org_a"));
  });
  expect(await run(refresh("org_a"))).toBe("unchanged");
  clerk.beforeAnswer = once(async () => {
    addMember("org_a", "user_a");
    await run(join("org_a", "user_a"));
  });
  expect(await run(join("org_a", "user_a"))).toBe("unchanged");
  expect((await listRows()).memberships).toEqual(["org_a user_a org:member"]);
});

test("a list that may be older than a membership ends it only after a signed event about it", async () => {
  addOrganization("org_a");
  const long = clock;
  clock = Date.now();
  addMember("org_a", "user_a");
  const joinedAtMs = clock;
  clock = long;
  await run(join("org_a", "user_a"));
  const young = clerk.memberships.get("org_a user_a");
  clerk.memberships.clear();
  const replayed = { ...leave("org_a", "user_a"), cause: "replay", eventAtMs: Date.now() } as const;
  for (const job of [join("org_a", "user_a"), leave("org_a", "user_a"), replayed]) {
    expect(await run(job)).toBe("user.absent");
    expect(await run(job, 4)).toBe("unconfirmed");
  }
  expect((await listRows()).memberships).toHaveLength(1);
  expect(await run({ ...leave("org_a", "user_a"), eventAtMs: joinedAtMs })).toBe("tombstoned");
  expect((await listRows()).memberships).toEqual([]);
  if (young) clerk.memberships.set("org_a user_a", young);
  expect(await run(join("org_a", "user_a"))).toBe("deleted");
});

test("what Clerk lacks without a signed event is asked for twice and then ended, up to the guard", async () => {
  for (let n = 0; n < 6; n++) {
    addOrganization(`org_${n}`);
    await run(refresh(`org_${n}`));
  }
  clerk.organizations.clear();
  const outcomes = [];
  for (let n = 0; n < 6; n++) outcomes.push(await run(refresh(`org_${n}`)));
  expect(outcomes).toEqual([...Array(5).fill("tombstoned"), "held"]);
  expect((await listRows()).organizations).toHaveLength(1);
});

test("a role that cannot be read writes nothing, and organizations that are off ask nothing", async () => {
  addOrganization("org_a");
  addMember("org_a", "user_a");
  const [key, member] = [...clerk.memberships][0] ?? [];
  if (key && member) clerk.memberships.set(key, { ...member, role: null });
  expect(await run(join("org_a", "user_a"))).toBe("clerk.unreadable");
  expect((await listRows()).memberships).toEqual([]);
  const off = { ...context, pool: { ...pool, tables: { ...pool.tables, organizations: undefined } } };
  expect(await syncOrganization(off, refresh("org_a"), 1)).toBe("off");
});

/** A small generator of numbers, so that each history can be run again. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

test.each([1, 2, 3])(
  "jobs in any order, doubled, and of several workers at once converge to Clerk (history %i)",
  async (seed) => {
    const random = createRandom(seed);
    const organizations = ["org_a", "org_b", "org_c"];
    const users = ["user_a", "user_b", "user_c", "user_d"];
    let waiting: OrganizationJob[] = [];
    const deletedUsers = new Set<string>();
    const change = () => {
      const [org, user] = [organizations[random(3)] ?? "", users[random(4)] ?? ""];
      const key = `${org} ${user}`;
      const member = clerk.memberships.get(key);
      const kind = random(12);
      clock++;
      if (!clerk.organizations.has(org)) {
        if (kind < 4) addOrganization(org);
        waiting.push(refresh(org));
      } else if (kind === 0) {
        const renamed = clerk.organizations.get(org);
        if (renamed) clerk.organizations.set(org, { ...renamed, name: `Name ${clock}`, updated_at: clock });
        waiting.push(refresh(org));
      } else if (member && kind < 5) {
        clerk.memberships.delete(key);
        waiting.push(leave(org, user));
      } else if (member) {
        clerk.memberships.set(key, { ...member, role: `org:role_${random(3)}`, updated_at: clock });
        waiting.push(join(org, user));
      } else if (!deletedUsers.has(user)) {
        addMember(org, user);
        waiting.push(join(org, user));
      }
    };
    // An early request may be answered late.
    clerk.beforeAnswer = async () => {
      for (let turns = random(4); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    };
    const work = async () => {
      for (let job = waiting.shift(); job; job = waiting.shift()) await settle(job);
    };
    for (let round = 0; round < 12; round++) {
      for (let n = 0; n < 8; n++) change();
      waiting = waiting
        .flatMap((job) => (random(3) === 0 ? [job, job] : [job]))
        .toSorted(() => random(3) - 1);
      await Promise.all([work(), work(), work(), work()]);
    }
    // One user and one organization end too.
    deletedUsers.add("user_d");
    for (const key of clerk.memberships.keys()) if (key.endsWith("user_d")) clerk.memberships.delete(key);
    clerk.organizations.delete("org_c");
    for (const key of clerk.memberships.keys()) if (key.startsWith("org_c")) clerk.memberships.delete(key);
    const deleteUser = inTransaction(pool, (client) =>
      tombstoneUsers(client, [{ clerkId: "user_d", by: "signature", cause: "webhook", ref: null }]),
    );
    waiting = [remove("org_c"), ...organizations.map(refresh)];
    for (const org of organizations)
      for (const user of users) waiting.push(join(org, user), leave(org, user));
    await Promise.all([deleteUser, work(), work(), work()]);
    expect(await listRows()).toEqual({
      organizations: [...clerk.organizations.values()].map(({ id, name }) => `${id} ${name}`).toSorted(),
      memberships: [...clerk.memberships.values()]
        .map(({ clerkOrgId, clerkId, role }) => `${clerkOrgId} ${clerkId} ${role}`)
        .toSorted(),
    });
  },
);
