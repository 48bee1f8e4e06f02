import { createClerkClient } from "@clerk/backend";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

let clerk: ClerkSimulator;
let sdk: ReturnType<typeof createClerkClient>;
let ana: string;
let bia: string;
let acme: string;
let beta: string;

beforeAll(async () => {
  // The clock never returns the same time twice, so that no order depends on ties.
  let ticks = 0;
  clerk = await startClerkSimulator({ seed: 4, rateLimit: null, now: () => 1_700_000_000_000 + ticks++ });
  sdk = createClerkClient({ secretKey: clerk.secretKey, apiUrl: clerk.url });
  ana = (await clerk.users.create({ firstName: "Ana", email: "ana@example.com" })).id;
  bia = (await clerk.users.create({ firstName: "Bia", username: "bia" })).id;
  acme = (await sdk.organizations.createOrganization({ name: "Acme Inc", createdBy: ana })).id;
  beta = (await sdk.organizations.createOrganization({ name: "Beta", slug: "beta", createdBy: bia })).id;
  await sdk.organizations.createOrganizationMembership({
    organizationId: beta,
    userId: ana,
    role: "org:member",
  });
});
afterAll(() => clerk.stop());

type Body = { data: { id: string; members_count?: number }[]; total_count: number };

async function get(path: string): Promise<{ status: number; body: Body }> {
  const headers = { authorization: `Bearer ${clerk.secretKey}` };
  const answer = await fetch(clerk.url + path, { headers });
  return { status: answer.status, body: (await answer.json()) as Body }; // Our own server.
}

async function idsOf(path: string): Promise<string[]> {
  return (await get(path)).body.data.map(({ id }) => id);
}

async function membersOf(query: string): Promise<(string | undefined)[]> {
  const { body } = await get(`/v1/organizations/${beta}/memberships?${query}`);
  return body.data.map(
    (entry) => (entry as { public_user_data?: { user_id: string } }).public_user_data?.user_id,
  );
}

describe("organizations", () => {
  it("are read by id or slug, with the number of members only on request", async () => {
    const bare = await sdk.organizations.getOrganization({ slug: "beta" });
    expect(bare).toMatchObject({ id: beta, name: "Beta", slug: "beta", createdBy: bia });
    expect(bare.membersCount).toBeUndefined();
    const counted = await sdk.organizations.getOrganization({
      organizationId: beta,
      includeMembersCount: true,
    });
    expect(counted.membersCount).toBe(2);
    expect((await get("/v1/organizations/org_missing")).status).toBe(404);
  });

  it("are listed newest first, as a page with a total", async () => {
    const { data, totalCount } = await sdk.organizations.getOrganizationList();
    expect([data.map(({ id }) => id), totalCount]).toEqual([[beta, acme], 2]);
    expect(data[0]?.membersCount).toBeUndefined();
    const { body } = await get("/v1/organizations?limit=1&offset=1&include_members_count=true");
    expect(body).toMatchObject({ data: [{ id: acme, members_count: 1 }], total_count: 2 });
  });

  it.each([
    ["order_by=name", () => [acme, beta]],
    ["order_by=-members_count", () => [beta, acme]],
    ["order_by=%2Bcreated_at", () => [acme, beta]],
    ["query=ACME", () => [acme]],
    ["query=bet", () => [beta]],
    [() => `query=${acme}`, () => [acme]],
    [() => `query=${acme.slice(0, -1)}`, () => []],
    [() => `user_id=${bia}`, () => [beta]],
    [() => `user_id=-${bia}`, () => [acme]],
    [() => `organization_id=${acme}&organization_id=org_missing`, () => [acme]],
    [() => `organization_id=-${acme}`, () => [beta]],
    ["limit=501", () => [beta, acme]],
  ])("are filtered and ordered by %s", async (query, expected) => {
    const text = typeof query === "string" ? query : query();
    expect(await idsOf(`/v1/organizations?${text}`)).toEqual(expected());
  });

  it.each(["order_by=updated_at", "limit=0", "starting_after=org_1", "created_at_after=1"])(
    "are not listed by %s",
    async (query) => expect((await get(`/v1/organizations?${query}`)).status).toBe(422),
  );

  it("have one slug each, and their metadata is not changed by PATCH", async () => {
    const { organizations } = sdk;
    const taken = { status: 422, errors: [{ code: "form_identifier_exists" }] };
    await expect(organizations.createOrganization({ name: "B", slug: "beta" })).rejects.toMatchObject(taken);
    await expect(organizations.updateOrganization(acme, { slug: "beta" })).rejects.toMatchObject(taken);
    const patched = await fetch(`${clerk.url}/v1/organizations/${acme}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${clerk.secretKey}`, "content-type": "application/json" },
      body: '{"public_metadata":{"plan":"a"}}',
    });
    expect(patched.status).toBe(422);
    const before = await organizations.getOrganization({ organizationId: acme });
    const { slug } = await organizations.updateOrganization(acme, { slug: "acme" });
    expect([before.slug, slug]).toEqual([expect.stringMatching(/^acme-inc-1700000000/), "acme"]);
    expect((await organizations.getOrganization({ slug: "acme" })).updatedAt).toBeGreaterThan(
      before.updatedAt,
    );
    expect((await get(`/v1/organizations/${before.slug}`)).status).toBe(404);
  });
});

describe("memberships", () => {
  it("hold the role, the organization and the public part of the user", async () => {
    const { data, totalCount } = await sdk.organizations.getOrganizationMembershipList({
      organizationId: acme,
    });
    expect(totalCount).toBe(1);
    expect(data[0]).toMatchObject({
      id: expect.stringMatching(/^orgmem_/),
      role: "org:admin",
      organization: { id: acme },
      publicUserData: { userId: ana, firstName: "Ana", identifier: "ana@example.com" },
    });
  });

  it.each([
    ["", () => [ana, bia]],
    ["order_by=%2Bcreated_at", () => [bia, ana]],
    ["order_by=-first_name", () => [bia, ana]],
    ["role=org:admin", () => [bia]],
    ["query=ana@", () => [ana]],
    ["username=bia&limit=1", () => [bia]],
    [() => `user_id=${ana}&user_id=user_missing`, () => [ana]],
    [() => `user_id=-${ana}`, () => [bia]],
    ["user_id=user_missing", () => []],
    ["limit=1&offset=1", () => [bia]],
  ])("of one organization are listed by %s", async (query, expected) => {
    expect(await membersOf(typeof query === "string" ? query : query())).toEqual(expected());
  });

  it("of the instance and of a user are listed too, without filters", async () => {
    const all = await sdk.organizations.getInstanceOrganizationMembershipList({
      orderBy: "+created_at",
      limit: 2,
    });
    expect(all.data.map(({ organization }) => organization.id)).toEqual([acme, beta]);
    expect(all.totalCount).toBe(3);
    const [last] = (await get("/v1/organization_memberships?limit=1&offset=2")).body.data;
    expect(last?.id).toBe(all.data[0]?.id);
    const own = await sdk.users.getOrganizationMembershipList({ userId: ana });
    expect(own.data.map(({ organization }) => organization.id)).toEqual([beta, acme]);
    for (const path of [
      `/v1/organization_memberships?user_id=${ana}`,
      `/v1/organization_memberships?order_by=updated_at`,
      `/v1/users/${ana}/organization_memberships?order_by=created_at`,
    ])
      expect((await get(path)).status).toBe(422);
    for (const path of ["/v1/users/user_x/organization_memberships", "/v1/organizations/org_x/memberships"])
      expect((await get(path)).status).toBe(404);
  });

  it("are one for each pair, change their role, and end; a new one has a new id", async () => {
    const pair = { organizationId: acme, userId: bia };
    const { organizations } = sdk;
    const first = await organizations.createOrganizationMembership({ ...pair, role: "org:member" });
    await expect(
      organizations.createOrganizationMembership({ ...pair, role: "org:admin" }),
    ).rejects.toMatchObject({ status: 400, errors: [{ code: "already_a_member_in_organization" }] });
    const changed = await organizations.updateOrganizationMembership({ ...pair, role: "org:admin" });
    expect(changed.role).toBe("org:admin");
    expect(changed.updatedAt).toBeGreaterThan(first.updatedAt);
    expect((await organizations.deleteOrganizationMembership(pair)).id).toBe(first.id);
    await expect(organizations.deleteOrganizationMembership(pair)).rejects.toMatchObject({ status: 404 });
    const second = await organizations.createOrganizationMembership({ ...pair, role: "org:member" });
    expect(second.id).not.toBe(first.id);
    await organizations.deleteOrganizationMembership(pair);
    // Clerk has no request for one membership.
    expect((await get(`/v1/organizations/${acme}/memberships/${ana}`)).status).toBe(404);
  });

  it("stop at the organization's limit, and need a user and a role", async () => {
    const { id } = await clerk.organizations.create({ maxAllowedMemberships: 1, createdBy: ana });
    const add = (userId: string, role: string) =>
      sdk.organizations.createOrganizationMembership({ organizationId: id, userId, role });
    await expect(add(bia, "org:member")).rejects.toMatchObject({ status: 403 });
    await expect(add("user_missing", "org:member")).rejects.toMatchObject({ status: 404 });
    await expect(add(bia, "boss")).rejects.toMatchObject({ status: 422 });
    await clerk.organizations.delete(id);
  });
});

describe("faults", () => {
  it("empty and shorten these lists, and spare a list by ids", async () => {
    await clerk.faults.add({ kind: "short-list" });
    expect((await get("/v1/organizations")).body).toMatchObject({ data: [{ id: beta }], total_count: 2 });
    expect((await get(`/v1/organizations/${beta}/memberships`)).body.data).toHaveLength(1);
    expect(await membersOf(`user_id=${ana}&user_id=${bia}`)).toHaveLength(2);
    await clerk.faults.heal();
    await clerk.faults.add({ kind: "empty-list" });
    expect((await get("/v1/organization_memberships")).body).toEqual({ data: [], total_count: 0 });
    expect(await membersOf(`user_id=${ana}`)).toEqual([]);
    expect((await get(`/v1/organizations/${acme}`)).status).toBe(200);
    await clerk.faults.heal();
  });

  it("for one organization affect no other", async () => {
    await clerk.faults.add({ kind: "status", forOrganization: acme });
    expect((await get(`/v1/organizations/${acme}`)).status).toBe(500);
    expect((await get(`/v1/organizations?organization_id=${acme}`)).status).toBe(500);
    expect((await get(`/v1/organizations/${beta}/memberships`)).status).toBe(200);
    await clerk.faults.heal();
  });
});
