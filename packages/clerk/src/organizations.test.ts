import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ClerkGateway, createClerkGateway } from "./gateway.ts";
import type { MembershipListQuery, MembershipPage } from "./organization-reads.ts";
import { confirmMemberships, type MembershipLister } from "./read-membership.ts";

let clerk: ClerkSimulator;
let gateway: ClerkGateway;
const partlyRead: unknown[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  clerk = await startClerkSimulator({ rateLimit: null });
  gateway = createClerkGateway({
    secretKey: clerk.secretKey,
    apiUrl: clerk.url,
    onPartlyRead: (entries) => partlyRead.push(...entries),
  });
});
afterEach(async () => {
  partlyRead.length = 0;
  await clerk.faults.heal();
});
afterAll(async () => {
  await gateway.close();
  await clerk.stop();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** A team with so many members. */
async function createTeam(members: number) {
  const { id } = await clerk.organizations.create();
  const users: string[] = [];
  for (let i = 0; i < members; i++) users.push((await clerk.users.create()).id);
  for (const user of users) await clerk.memberships.create(id, user);
  return { team: id, users };
}

/** The requests since `work` began. */
async function countRequests(work: () => Promise<unknown>): Promise<number> {
  await clerk.requests.clear();
  await work();
  return (await clerk.requests.totals()).total;
}

/** A server with one answer. @returns its address */
async function answerAlways(body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // It listens on a port.
}

describe("organizations", () => {
  test("are read with the fields that Rollcall uses and no others, with their number of members", async () => {
    const { team } = await createTeam(2);
    await clerk.organizations.update(team, { name: "Acme", slug: "acme" });
    const result = await gateway.readOrganization(team);
    expect(result).toMatchObject({ found: { id: team, name: "Acme", slug: "acme", members_count: 2 } });
    expect(result).not.toHaveProperty("found.private_metadata");
    expect(await gateway.readOrganization("org_absent")).toEqual({ absent: true });
  });

  test("another organization with this id as its slug is not taken for it", async () => {
    await clerk.organizations.create({ slug: "org_slug" });
    expect(await gateway.readOrganization("org_slug")).toMatchObject({
      unreadable: { code: "clerk.unreadable" },
    });
  });

  test("are listed page by page, and by ids, with the total", async () => {
    const { team } = await createTeam(1);
    const total = await clerk.organizations.count();
    const page = await gateway.listOrganizations({ orderBy: "-created_at", limit: 1 });
    expect(page).toMatchObject({
      organizations: [{ clerkOrgId: team, result: { found: { members_count: 1 } } }],
      totalCount: total,
    });
    const rest = await gateway.listOrganizations({ orderBy: "+created_at", limit: 500, offset: 1 });
    expect(rest.organizations).toHaveLength(total - 1);
    const clerkOrgIds = [team, "org_absent"];
    const named = await gateway.listOrganizations({ orderBy: "+created_at", limit: 2, clerkOrgIds });
    expect(named.organizations.map(({ clerkOrgId }) => clerkOrgId)).toEqual([team]);
  });

  test.each<[string, Record<string, unknown>, object, string[]]>([
    ["a time in seconds", { updated_at: 17.5 }, { updated_at: null }, ["updated_at"]],
    ["a name as an object", { name: { hidden: "x" } }, { name: null }, ["name"]],
    ["a negative number of members", { members_count: -1 }, { members_count: null }, ["members_count"]],
  ])("%s is left out alone, and reported with the id only", async (_case, raw, expected, fields) => {
    const { id } = await clerk.organizations.create({ slug: `s-${partlyRead.length}-${fields[0]}`, raw });
    const found = { id, image_url: expect.any(String), ...expected };
    expect(await gateway.readOrganization(id)).toMatchObject({ found });
    const { organizations } = await gateway.listOrganizations({
      orderBy: "+created_at",
      limit: 1,
      clerkOrgIds: [id],
    });
    expect(organizations).toMatchObject([{ clerkOrgId: id, result: { found } }]);
    const reported = { clerkId: id, fields: fields.map((field) => `organization.${field}`) };
    expect(partlyRead).toEqual([reported, reported]);
  });

  test("an organization without a slug is read whole", async () => {
    const { id } = await clerk.organizations.create({ raw: { slug: null } });
    expect(await gateway.readOrganization(id)).toMatchObject({ found: { id, slug: null } });
    expect(partlyRead).toEqual([]);
  });
});

test("text that Postgres cannot store arrives as text that it can", async () => {
  const { id } = await clerk.organizations.create({ name: "N\0L", raw: { slug: "\uD800" } });
  const user = await clerk.users.create();
  await clerk.memberships.create(id, user.id, { raw: { role: "org:\0" } });
  expect(await gateway.readOrganization(id)).toMatchObject({ found: { name: "N\uFFFDL", slug: "\uFFFD" } });
  const pair = { clerkOrgId: id, clerkId: user.id };
  expect(await gateway.readMembership(pair)).toMatchObject({ found: { role: "org:\uFFFD" } });
});

test("organizations that are off at Clerk are no outage, and another 403 still is", async () => {
  const query = { orderBy: "+created_at", limit: 1 } as const;
  await clerk.faults.add({
    kind: "status",
    status: 403,
    times: 1,
    code: "organization_not_enabled_in_instance",
  });
  await expect(gateway.listOrganizations(query)).rejects.toMatchObject({
    code: "clerk.unreadable",
    message: expect.stringContaining("not enabled"),
  });
  await clerk.faults.add({ kind: "status", status: 403 });
  await expect(gateway.listOrganizations(query)).rejects.toMatchObject({ code: "clerk.unauthorized" });
});

describe("lists of memberships", () => {
  test("of the instance, of an organization and of a user hold pair, id, role and times", async () => {
    const { team, users } = await createTeam(2);
    const [clerkId = ""] = users;
    const { id } = (await clerk.memberships.find(team, clerkId)) ?? {};
    const found = { id, clerkOrgId: team, clerkId, role: "org:member" };
    const orderBy = "+created_at";
    const entry = { pair: { clerkOrgId: team, clerkId }, result: { found } };
    expect(
      await gateway.listMemberships({ of: "organization", clerkOrgId: team, orderBy, limit: 1 }),
    ).toMatchObject({ memberships: [entry], totalCount: 2 });
    expect(await gateway.listMemberships({ of: "user", clerkId, limit: 10 })).toMatchObject({
      memberships: [entry],
      totalCount: 1,
    });
    const total = await clerk.memberships.count();
    const page = await gateway.listMemberships({ of: "instance", orderBy, limit: 2, offset: total - 2 });
    expect(page).toMatchObject({ memberships: [entry, {}], totalCount: total });
  });

  test("of an organization or a user that Clerk does not have are absent", async () => {
    const orderBy = "+created_at";
    const ofTeam = { of: "organization", clerkOrgId: "org_absent", orderBy, limit: 1 } as const;
    expect(await gateway.listMemberships(ofTeam)).toBe("absent");
    expect(await gateway.listMemberships({ of: "user", clerkId: "user_absent", limit: 1 })).toBe("absent");
  });

  test("leave out an unreadable role alone, and mark an entry without a readable pair", async () => {
    const { team, users } = await createTeam(3);
    const [one = "", other = "", third = ""] = users;
    await clerk.memberships.update(team, one, { raw: { role: 7 } });
    await clerk.memberships.update(team, other, { raw: { public_user_data: null } });
    await clerk.memberships.update(team, third, { raw: { organization: { id: "org_other" } } });
    const page = await gateway.listMemberships({
      of: "organization",
      clerkOrgId: team,
      orderBy: "+created_at",
      limit: 3,
    });
    const unreadable = { pair: null, result: { unreadable: { code: "clerk.unreadable" } } };
    expect(page).toMatchObject({
      memberships: [{ pair: { clerkId: one }, result: { found: { role: null } } }, unreadable, unreadable],
    });
    expect(partlyRead).toEqual([{ clerkId: expect.stringMatching(/^orgmem_/), fields: ["membership.role"] }]);
  });

  test("without a total, or as a bare array, are unreadable", async () => {
    for (const body of ["[]", "{}", '{"data":[]}', '{"data":{},"total_count":0}']) {
      const reader = createClerkGateway({ secretKey: "sk_test_x", apiUrl: await answerAlways(body) });
      await expect(reader.listOrganizations({ orderBy: "+created_at", limit: 1 })).rejects.toMatchObject({
        code: "clerk.unreadable",
      });
      await reader.close();
    }
  });
});

describe("the membership of a pair", () => {
  test("costs one request for a member", async () => {
    const { team, users } = await createTeam(2);
    const [clerkId = ""] = users;
    const requests = await countRequests(async () => {
      expect(await gateway.readMembership({ clerkOrgId: team, clerkId })).toMatchObject({
        found: { clerkId },
      });
    });
    expect(requests).toBe(1);
  });

  test("is absent when another member proves it, when the organization says that it is empty, and when it is gone", async () => {
    const { team, users } = await createTeam(2);
    const stranger = await clerk.users.create();
    const read = (clerkId: string) => gateway.readMembership({ clerkOrgId: team, clerkId });
    expect(await read(stranger.id)).toEqual({ absent: true });
    for (const user of users) await clerk.memberships.delete(team, user);
    expect(await read(users[0] ?? "")).toEqual({ absent: true });
    await clerk.organizations.delete(team);
    expect(await read(users[1] ?? "")).toEqual({ absent: true });
  });

  test.each(["empty-list", "short-list"] as const)("is not absent by an %s", async (kind) => {
    const { team, users } = await createTeam(1);
    const [clerkId = ""] = users;
    await clerk.faults.add({ kind, path: `/v1/organizations/${team}/memberships` });
    const result = await gateway.readMembership({ clerkOrgId: team, clerkId });
    if (kind === "empty-list") expect(result).toMatchObject({ unreadable: { code: "clerk.unreadable" } });
    else expect(result).toMatchObject({ found: { clerkId } });
  });

  test("is found when only the first answer was empty", async () => {
    for (const members of [1, 2]) {
      const { team, users } = await createTeam(members);
      const [clerkId = ""] = users;
      await clerk.faults.add({ kind: "empty-list", times: 1 });
      expect(await gateway.readMembership({ clerkOrgId: team, clerkId })).toMatchObject({
        found: { clerkId },
      });
    }
  });

  test("is neither found nor absent while an entry may be this user's", async () => {
    const { team, users } = await createTeam(2);
    const [clerkId = ""] = users;
    await clerk.memberships.update(team, clerkId, { raw: { public_user_data: {} } });
    expect(await gateway.readMembership({ clerkOrgId: team, clerkId })).toMatchObject({
      unreadable: { code: "clerk.unreadable" },
    });
  });

  test("throws in an outage", async () => {
    const { team } = await createTeam(1);
    await clerk.faults.add({ kind: "status", status: 503 });
    const pair = { clerkOrgId: team, clerkId: "user_1" };
    await expect(gateway.readMembership(pair)).rejects.toMatchObject({ code: "clerk.unavailable" });
  });
});

describe("many users of one organization", () => {
  test("are present or absent by one proof", async () => {
    const { team, users } = await createTeam(4);
    const [one = "", two = ""] = users;
    const asked = [one, "user_absent", two];
    const requests = await countRequests(async () => {
      const { present, absent } = await confirmMemberships(gateway, team, asked);
      expect(present.map(({ pair }) => pair?.clerkId).toSorted()).toEqual([one, two].toSorted());
      expect(absent).toEqual(["user_absent"]);
    });
    expect(requests).toBe(2);
  });

  test("need no member besides them: one of them is the sentinel", async () => {
    const { team, users } = await createTeam(3);
    const { present, absent } = await confirmMemberships(gateway, team, [...users, "user_absent"]);
    expect([present.length, absent]).toEqual([3, ["user_absent"]]);
  });

  test.each<[string, number, (query: MembershipListQuery, page: MembershipPage) => MembershipPage]>([
    [
      "lists by ids that lack the sentinel",
      1,
      (query, page) => ("clerkIds" in query ? { memberships: [], totalCount: 0 } : page),
    ],
    ["an empty list with a total", 0, () => ({ memberships: [], totalCount: 1 })],
  ])("are not confirmed by %s", async (_case, members, spoil) => {
    const { team } = await createTeam(members);
    const spoiled: MembershipLister = {
      readOrganization: gateway.readOrganization,
      listMemberships: async (query) => {
        const page = await gateway.listMemberships(query);
        return page === "absent" ? page : spoil(query, page);
      },
    };
    await expect(confirmMemberships(spoiled, team, ["user_absent"])).rejects.toMatchObject({
      code: "reconcile.unconfirmed",
    });
  });

  test("are not confirmed by lists that contradict the organization", async () => {
    const { team, users } = await createTeam(2);
    await clerk.faults.add({ kind: "empty-list", path: `/v1/organizations/${team}/memberships` });
    await expect(confirmMemberships(gateway, team, users)).rejects.toMatchObject({
      code: "reconcile.unconfirmed",
    });
  });
});

test("whatever values Clerk's answers have, every entry is read or named unreadable, and no other is lost", async () => {
  const { team, users } = await createTeam(2);
  const [odd = "", plain = ""] = users;
  const names = [
    "id",
    "role",
    "organization",
    "public_user_data",
    "created_at",
    "updated_at",
    "name",
    "slug",
  ];
  const raws = fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 });
  await fc.assert(
    fc.asyncProperty(raws, async (raw) => {
      const whole = { role: "org:member", ...(await clerk.memberships.find(team, plain)) };
      const { created_at, updated_at, organization } = whole;
      const reset = { id: "orgmem_odd", public_user_data: { user_id: odd }, organization };
      await clerk.memberships.update(team, odd, {
        raw: { role: "org:member", created_at, updated_at, ...reset, ...raw },
      });
      const page = await gateway.listMemberships({
        of: "organization",
        clerkOrgId: team,
        orderBy: "+created_at",
        limit: 2,
      });
      if (page === "absent") throw new Error("The organization exists");
      expect(page.memberships).toHaveLength(2);
      for (const { pair, result } of page.memberships) expect("found" in result).toBe(pair !== null);
      expect(page.memberships.find(({ pair }) => pair?.clerkId === plain)).toBeDefined();
    }),
    { numRuns: 50 },
  );
});
