import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { afterEach, expect, test } from "vitest";
import { tombstoneUsers } from "./deletions.ts";
import { applyMemberships, endAbsentMembership, endMembership, findMembershipState } from "./memberships.ts";
import { mappedApps, separate } from "./migrate/testing.ts";
import type { MembershipSnapshot, OrganizationSnapshot } from "./organization-columns.ts";
import { applyOrganizations, tombstoneAbsentOrganization, tombstoneOrganization } from "./organizations.ts";
import type { Pool } from "./pool.ts";
import { createMappedPool, createTestPool, makeSnapshot, untilBlocked, writeUsers } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

const why = { cause: "webhook", ref: "msg_1" };
const signed = { by: "signature", ...why } as const;

let pool: Pool;
afterEach(() => pool.end());

const teamsOfApp = `
create table app.teams (id uuid primary key, clerk_org varchar(64) not null unique, title text not null);
create table app.seats (team uuid not null references app.teams (id), member uuid not null, kind text, gone timestamptz, unique (member, team));
`;
const ofApp: NonNullable<Mapping["organizations"]> = {
  table: "app.teams",
  key: { column: "id", type: "uuid" },
  columns: { clerkOrgId: "clerk_org", name: "title" },
  memberships: {
    table: "app.seats",
    user: "member",
    organization: "team",
    columns: { role: "kind", deletedAt: "gone" },
  },
};

const makers = {
  "default tables": () => createTestPool({ ...defaultMapping, organizations: {} }),
  "tables of an app": () => makeApp(mappedApps.uuidKeys),
  "separate state": () => makeApp(separate(mappedApps.uuidKeys)),
} as const;

function makeApp({ mapping, sql }: typeof mappedApps.uuidKeys): Promise<Pool> {
  return createMappedPool({ ...mapping, organizations: ofApp }, `${sql}; ${teamsOfApp}`);
}

const organization = (fields: Partial<OrganizationSnapshot> = {}): OrganizationSnapshot => ({
  ...{ clerkOrgId: "org_a", name: "A", slug: "a", imageUrl: null, membersCount: 1 },
  ...{ clerkCreatedAtMs: 1_000, clerkUpdatedAtMs: 1_000, readTicket: 1, ...why },
  ...fields,
});

const membership = (fields: Partial<MembershipSnapshot> = {}): MembershipSnapshot => ({
  ...{ clerkOrgId: "org_a", clerkId: "user_a", membershipId: "orgmem_1", role: "org:member" },
  ...{ clerkCreatedAtMs: 1_000, clerkUpdatedAtMs: 1_000, readTicket: 1, ...why },
  ...fields,
});

const writeOrganization = async (fields?: Partial<OrganizationSnapshot>) => {
  const outcomes = await inTransaction(pool, (client) => applyOrganizations(client, [organization(fields)]));
  return [...outcomes.values()][0];
};
const write = async (fields?: Partial<MembershipSnapshot>) => {
  const outcomes = await inTransaction(pool, (client) => applyMemberships(client, [membership(fields)]));
  return [...outcomes.values()][0];
};
const pair = { clerkOrgId: "org_a", clerkId: "user_a" };
const end = (membershipId: string | null, readTicket = 100) =>
  inTransaction(pool, (client) => endMembership(client, pair, { membershipId, readTicket }, signed));
const deleteUser = (clerkId: string) =>
  inTransaction(pool, (client) => tombstoneUsers(client, [{ clerkId, ...signed }]));
const deleteOrganization = (clerkOrgId: string) =>
  inTransaction(pool, (client) => tombstoneOrganization(client, clerkOrgId, signed));

/** `organization user role` of each live membership. */
async function listMemberships(): Promise<string[]> {
  const { organizations: o, users: u } = pool.tables;
  if (!o) return [];
  const { memberships: m } = o;
  const { rows } = await pool.query(
    `select concat_ws(' ', o.${o.clerkOrgId}, u.${u.clerkId}, m.${m.role}) as line
     from ${m.table} m join ${u.table} u on u.${u.id} = m.${m.user} join ${o.table} o on o.${o.id} = m.${m.organization}
     ${m.deletedAt === undefined ? "" : `where m.${m.deletedAt} is null`} order by 1`,
  );
  return rows.map(({ line }) => line);
}

const countRows = async () => {
  const { organizations: o } = pool.tables;
  return (await pool.query(`select from ${o?.memberships.table}`)).rows.length;
};

async function start(where: keyof typeof makers): Promise<void> {
  pool = await makers[where]();
  await writeUsers(pool, [makeSnapshot(), makeSnapshot({ clerkId: "user_b", email: "b@example.com" })]);
  await writeOrganization();
}

test.each(Object.keys(makers) as (keyof typeof makers)[])(
  "with %s, newer reads win, ends are final for a membership and not for its pair",
  async (where) => {
    await start(where);
    expect(await writeOrganization({ name: "B", clerkUpdatedAtMs: 2_000, readTicket: 2 })).toBe("written");
    expect(await writeOrganization({ name: "old", readTicket: 3 })).toBe("unchanged");
    expect(await writeOrganization({ name: "B", clerkUpdatedAtMs: 2_000, readTicket: 4 })).toBe("unchanged");
    const { organizations: o } = pool.tables;
    const named = await pool.query(`select to_jsonb(o)::text as row from ${o?.table} o`);
    expect(named.rows).toHaveLength(1);
    expect(named.rows[0]?.row).toContain('"B"');

    expect(await write()).toBe("written");
    expect(await write({ role: "org:admin", clerkUpdatedAtMs: 2_000, readTicket: 2 })).toBe("written");
    expect(await write({ readTicket: 3 })).toBe("unchanged");
    expect(await write({ clerkUpdatedAtMs: 2_000, readTicket: 1 })).toBe("unchanged");
    expect(await listMemberships()).toEqual(["org_a user_a org:admin"]);

    expect(await end("orgmem_1")).toBe("tombstoned");
    expect(await listMemberships()).toEqual([]);
    expect(await countRows()).toBe(where === "default tables" ? 0 : 1);
    expect(await write({ clerkUpdatedAtMs: 9_000, readTicket: 200 })).toBe("ended");
    expect(await end("orgmem_1")).toBe("deleted");
    // The user joined again. Clerk may have answered this read before the one that showed the end.
    const again = {
      membershipId: "orgmem_2",
      clerkCreatedAtMs: 3_000,
      clerkUpdatedAtMs: 3_000,
      readTicket: 50,
    };
    expect(await write(again)).toBe("written");
    expect(await write({ clerkUpdatedAtMs: 9_000, readTicket: 300 })).toBe("unchanged");
    expect(await listMemberships()).toEqual(["org_a user_a org:member"]);
    // The question was older than the second membership.
    expect(await end("orgmem_1")).toBe("changed");
    expect(await findMembershipState(pool, pair)).toMatchObject({ membershipId: "orgmem_2", isEnded: false });
    expect(await listMemberships()).toEqual(["org_a user_a org:member"]);
  },
);

test.each(Object.keys(makers) as (keyof typeof makers)[])(
  "with %s, the deletion of a user or an organization ends its memberships for good",
  async (where) => {
    await start(where);
    expect(await write({ clerkOrgId: "org_none" })).toBe("organization_missing");
    expect(await write({ clerkId: "user_none" })).toBe("user_missing");
    await writeOrganization({ clerkOrgId: "org_b" });
    for (const clerkOrgId of ["org_a", "org_b"])
      for (const clerkId of ["user_a", "user_b"]) await write({ clerkOrgId, clerkId });
    await deleteUser("user_a");
    expect(await listMemberships()).toEqual(["org_a user_b org:member", "org_b user_b org:member"]);
    expect(await deleteOrganization("org_a")).toBe("live");
    expect(await listMemberships()).toEqual(["org_b user_b org:member"]);
    expect(await deleteOrganization("org_a")).toBe("deleted");
    const late = { name: "Revived", clerkUpdatedAtMs: 9_000, readTicket: 200 };
    expect(await writeOrganization(late)).toBe("deleted");
    const later = { clerkCreatedAtMs: 9_000, membershipId: "orgmem_9", readTicket: 200 };
    expect(await write({ ...later, clerkId: "user_b" })).toBe("organization_deleted");
    expect(await write({ ...later, clerkOrgId: "org_b" })).toBe("user_deleted");
    expect(await deleteOrganization("org_unknown")).toBe("unknown");
    expect(await writeOrganization({ ...late, clerkOrgId: "org_unknown" })).toBe("deleted");
    const { organizations: o } = pool.tables;
    const teams = await pool.query(`select to_jsonb(o)::text as row from ${o?.table} o`);
    expect(teams.rows).toHaveLength(2);
    expect(JSON.stringify(teams.rows)).not.toContain("Revived");
    expect(await listMemberships()).toEqual(["org_b user_b org:member"]);
  },
);

test("a pair that ended before it was read takes only younger reads", async () => {
  await start("default tables");
  expect(await end(null, 10)).toBe("tombstoned");
  expect(await write({ readTicket: 9 })).toBe("stale");
  expect(await listMemberships()).toEqual([]);
  expect(await write({ readTicket: 11 })).toBe("written");
  expect(await findMembershipState(pool, pair)).toMatchObject({ membershipId: "orgmem_1", isEnded: false });
});

test("a user whose row comes too late to be locked counts as missing, because its deletion would not wait", async () => {
  await start("default tables");
  const late = { clerkId: "user_late" };
  const blocker = await pool.connect();
  try {
    await blocker.query("begin");
    await blocker.query("select from rollcall.organization_states where clerk_org_id = 'org_a' for update");
    const outcome = write(late);
    await untilBlocked(pool);
    await writeUsers(pool, [makeSnapshot({ ...late, email: "late@example.com" })]);
    await blocker.query("commit");
    expect(await outcome).toBe("user_missing");
  } finally {
    blocker.release();
  }
  expect(await write(late)).toBe("written");
});

test("absences without a signed event are limited for organizations and memberships, each apart", async () => {
  await start("default tables");
  const outcomes: string[] = [];
  for (let n = 0; n < 7; n++) {
    const clerkOrgId = `org_${n}`;
    await writeOrganization({ clerkOrgId });
    await write({ clerkOrgId });
    const before = { membershipId: "orgmem_1", readTicket: 100 };
    const ended = await inTransaction(pool, (client) =>
      endAbsentMembership(client, { ...pair, clerkOrgId }, before, why),
    );
    const deleted = await inTransaction(pool, (client) =>
      tombstoneAbsentOrganization(client, clerkOrgId, why),
    );
    outcomes.push(`${ended} ${deleted}`);
  }
  expect(outcomes).toEqual([...Array(5).fill("tombstoned tombstoned"), ...Array(2).fill("held held")]);
  expect(await listMemberships()).toEqual(["org_5 user_a org:member", "org_6 user_a org:member"]);
  // Clerk has them after all.
  await writeOrganization({ clerkOrgId: "org_5", readTicket: 200 });
  const held = await pool.query(
    "select clerk_org_id from rollcall.organization_states where held_at is not null",
  );
  expect(held.rows).toEqual([{ clerk_org_id: "org_6" }]);
});

test("writes of pairs and deletions of their users and organizations never deadlock", async () => {
  await start("default tables");
  const users = Array.from({ length: 8 }, (_, n) => `user_${n}`);
  const organizations = Array.from({ length: 8 }, (_, n) => `org_${n}`);
  await writeUsers(
    pool,
    users.map((clerkId) => makeSnapshot({ clerkId, email: `${clerkId}@example.com` })),
  );
  for (const clerkOrgId of organizations) await writeOrganization({ clerkOrgId });
  let readTicket = 1_000;
  const shuffle = <T>(list: readonly T[], seed: number) =>
    list
      .map((one, index) => ({ one, at: (index * 7 + seed * 5) % 11 }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ one }) => one);
  // Without rerun: inTransaction would hide a deadlock.
  const once = async (work: (client: Awaited<ReturnType<Pool["connect"]>>) => Promise<unknown>) => {
    const client = await pool.connect();
    try {
      await client.query("begin isolation level read committed");
      await work(client);
      await client.query("commit");
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: 120 }, (_, n) =>
      once(async (client) => {
        readTicket++;
        const some = shuffle(organizations, n).slice(0, 4);
        const who = shuffle(users, n + 3).slice(0, 4);
        if (n % 40 === 39)
          return tombstoneUsers(
            client,
            who.slice(0, 2).map((clerkId) => ({ clerkId, ...signed })),
          );
        if (n % 40 === 19) return tombstoneOrganization(client, some[0] ?? "", signed);
        if (n % 5 === 1)
          return applyOrganizations(
            client,
            some.map((clerkOrgId) => organization({ clerkOrgId, readTicket })),
          );
        const pairs = some.flatMap((clerkOrgId) =>
          who.map((clerkId) => membership({ clerkOrgId, clerkId, readTicket })),
        );
        return applyMemberships(client, shuffle(pairs, n));
      }),
    ),
  );
  const failed = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
  expect(failed).toEqual([]);
  const { rows } = await pool.query(
    `select count(*)::int as wrong from organization_memberships m join users u on u.id = m.user_id
     join organizations o on o.id = m.organization_id where u.deleted_at is not null or o.deleted_at is not null`,
  );
  expect(rows).toEqual([{ wrong: 0 }]);
  expect(await countRows()).toBeGreaterThan(0);
});
