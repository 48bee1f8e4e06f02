import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { afterEach, describe, expect, test, vi } from "vitest";
import { listActivity } from "./activity.ts";
import { applyMemberships, endMembership } from "./memberships.ts";
import { mappedApps, separate } from "./migrate/testing.ts";
import {
  findOrganization,
  listMembers,
  listMembershipsOfUser,
  listOrganizations,
} from "./organization-list.ts";
import { applyOrganizations, tombstoneOrganization } from "./organizations.ts";
import type { Pool } from "./pool.ts";
import { createMappedPool, createTestPool, makeSnapshot, writeUsers } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

const why = { cause: "webhook", ref: "msg_1" };
const stamps = { clerkCreatedAtMs: 1_000, clerkUpdatedAtMs: 1_000, readTicket: 1, ...why };
const createdAt = "1970-01-01T00:00:01.000Z";

let pool: Pool;
afterEach(() => pool.end());

const { mapping, sql } = separate(mappedApps.uuidKeys);
const ofApp: Mapping = {
  ...mapping,
  organizations: {
    table: "app.teams",
    key: { column: "id", type: "uuid" },
    columns: { clerkOrgId: "clerk_org", name: "title" },
    memberships: { table: "app.seats", user: "member", organization: "team", columns: { role: "kind" } },
  },
};
const tablesOfApp = `
create table app.teams (id uuid primary key, clerk_org varchar(64) unique, title text not null);
create table app.seats (team uuid not null references app.teams (id), member uuid not null, kind text, unique (member, team));
`;

const addOrganizations = (...names: [clerkOrgId: string, name: string, slug?: string][]) =>
  inTransaction(pool, (client) =>
    applyOrganizations(
      client,
      names.map(([clerkOrgId, name, slug = null]) => ({
        ...{ clerkOrgId, name, slug, imageUrl: null, membersCount: 2 },
        ...stamps,
      })),
    ),
  );

const addMembers = (clerkOrgId: string, ...clerkIds: string[]) =>
  inTransaction(pool, (client) =>
    applyMemberships(
      client,
      clerkIds.map((clerkId) => ({
        ...{ clerkOrgId, clerkId, membershipId: `orgmem_${clerkOrgId}${clerkId}`, role: "org:admin" },
        ...stamps,
      })),
    ),
  );

const endMember = (clerkOrgId: string, clerkId: string) =>
  inTransaction(pool, (client) =>
    endMembership(
      client,
      { clerkOrgId, clerkId },
      { membershipId: `orgmem_${clerkOrgId}${clerkId}`, readTicket: 2 },
      { by: "signature", ...why },
    ),
  );

const search = async (query?: string, page: { cursor?: string; limit?: number } = {}) => {
  const found = await listOrganizations(pool, { query, cursor: page.cursor, limit: page.limit ?? 10 });
  return { ids: found.items.map(({ clerkOrgId }) => clerkOrgId), nextCursor: found.nextCursor };
};

describe.each<[string, () => Promise<Pool>, slugOfA: string | null, countOfA: number | null]>([
  ["default tables", () => createTestPool({ ...defaultMapping, organizations: {} }), "acme", 2],
  ["separate state", () => createMappedPool(ofApp, `${sql}; ${tablesOfApp}`), null, null],
])("%s", (_, make, slug, membersCount) => {
  test("lists show organizations, members and memberships, page by page, and no ended membership", async () => {
    pool = await make();
    await writeUsers(
      pool,
      ["user_a", "user_b", "user_c"].map((clerkId) => makeSnapshot({ clerkId, name: clerkId, email: null })),
    );
    await addOrganizations(["org_a", "Acme Dental", "acme"], ["org_b", "Beta"], ["org_c", "Café"]);
    await addMembers("org_a", "user_a", "user_b", "user_c");
    await addMembers("org_b", "user_a");
    await endMember("org_a", "user_b");

    const first = await search(undefined, { limit: 2 });
    expect(first).toEqual({ ids: ["org_c", "org_b"], nextCursor: expect.any(String) });
    expect(await search(undefined, { cursor: String(first.nextCursor) })).toEqual({
      ids: ["org_a"],
      nextCursor: null,
    });
    expect(await search("DENTAL")).toEqual({ ids: ["org_a"], nextCursor: null });
    expect((await search("org_b")).ids).toEqual(["org_b"]);
    expect((await search("rg_b")).ids).toEqual([]);
    expect((await search("acme")).ids).toEqual(["org_a"]);
    const entry = {
      ...{ clerkOrgId: "org_a", name: "Acme Dental", slug, membersCount, state: "live" },
      members: { count: 2, more: false },
      ...{ clerkCreatedAt: createdAt, clerkUpdatedAt: createdAt, deletedAt: null },
    };
    expect((await listOrganizations(pool, { query: "org_a", cursor: undefined, limit: 1 })).items).toEqual([
      entry,
    ]);
    expect(await findOrganization(pool, "org_a")).toEqual({
      ...{ organization: entry, hasRow: true, readTicket: 1 },
    });
    expect(await findOrganization(pool, "org_x")).toBeUndefined();

    const member = { role: "org:admin", hasRow: true, held: false, clerkCreatedAt: createdAt };
    const page = await listMembers(pool, { clerkOrgId: "org_a", cursor: undefined, limit: 1 });
    expect(page.items).toEqual([{ clerkId: "user_c", name: "user_c", email: null, ...member }]);
    const next = await listMembers(pool, {
      ...{ clerkOrgId: "org_a", cursor: page.nextCursor ?? undefined },
      limit: 2,
    });
    expect(next).toEqual({
      items: [{ clerkId: "user_a", name: "user_a", email: null, ...member }],
      nextCursor: null,
    });
    expect(await listMembershipsOfUser(pool, "user_a")).toEqual({
      items: [
        { clerkOrgId: "org_b", name: "Beta", ...member },
        { clerkOrgId: "org_a", name: "Acme Dental", ...member },
      ],
      more: false,
    });
    expect(await listMembershipsOfUser(pool, "user_b")).toEqual({ items: [], more: false });

    // More than a statement reads, in front of the members.
    await pool.query(
      `insert into rollcall.membership_states (clerk_org_id, clerk_id, membership_id, deleted_at)
       select 'org_a', 'user_former' || i, 'orgmem_former' || i, now() from generate_series(1, 8000) i`,
    );
    await endMember("org_a", "user_c");
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const read = await listMembers(pool, { clerkOrgId: "org_a", cursor, limit: 1 });
      found.push(...read.items.map(({ clerkId }) => clerkId));
      cursor = read.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(found).toEqual(["user_a"]);
  });

  test("a row of the app that was never read is listed, and a tombstone is found without a row", async () => {
    pool = await make();
    await addOrganizations(["org_a", "A"], ["org_b", "B"]);
    await pool.query("delete from rollcall.organization_states where clerk_org_id = 'org_a'");
    await inTransaction(pool, (client) =>
      tombstoneOrganization(client, "org_b", { by: "signature", ...why }),
    );
    await inTransaction(pool, (client) =>
      tombstoneOrganization(client, "org_unseen", { by: "signature", ...why }),
    );
    const { items } = await listOrganizations(pool, { query: undefined, cursor: undefined, limit: 10 });
    expect(items.map(({ clerkOrgId, state }) => [clerkOrgId, state])).toEqual([
      ["org_b", "deleted"],
      ["org_a", "unread"],
    ]);
    expect(await findOrganization(pool, "org_unseen")).toMatchObject({
      ...{ hasRow: false, organization: { state: "deleted", deletedAt: expect.any(String) } },
    });
  });
});

test("the timeline of an organization has its events and those of its members, and no other ones", async () => {
  pool = await createTestPool({ ...defaultMapping, organizations: {} });
  await writeUsers(pool, [makeSnapshot({ clerkId: "user_a" })]);
  await addOrganizations(["org_a", "A"], ["org_b", "B"]);
  await addMembers("org_a", "user_a");
  await addMembers("org_b", "user_a");
  const read = async (page: { cursor?: string; limit: number }) => {
    const wish = { kinds: undefined, causes: undefined, ref: undefined, cursor: page.cursor };
    return listActivity(pool, { ...wish, clerkId: "org_a", limit: page.limit });
  };
  const first = await read({ limit: 1 });
  expect(first.items).toMatchObject([{ kind: "membership_created", clerkId: "user_a" }]);
  const rest = await read({ cursor: String(first.nextCursor), limit: 5 });
  expect(rest.items).toMatchObject([{ kind: "organization_created", clerkId: "org_a" }]);
});

test("off: the lists are empty, without a statement", async () => {
  pool = await createTestPool();
  const query = vi.spyOn(pool, "query");
  const page = { cursor: undefined, limit: 1 };
  expect(await listOrganizations(pool, { query: undefined, ...page })).toEqual({
    items: [],
    nextCursor: null,
  });
  expect(await listMembers(pool, { clerkOrgId: "org_a", ...page })).toEqual({ items: [], nextCursor: null });
  expect(await listMembershipsOfUser(pool, "user_a")).toBeUndefined();
  expect(await findOrganization(pool, "org_a")).toBeUndefined();
  expect(query).not.toHaveBeenCalled();
});
