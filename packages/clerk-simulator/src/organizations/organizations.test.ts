import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { json } from "node:stream/consumers";
import { createClerkClient } from "@clerk/backend";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type ClerkSimulator, connectClerkSimulator, startClerkSimulator } from "../index.ts";

type Envelope = { type: string; data: Record<string, unknown> };

let clerk: ClerkSimulator;
let receiver: Server;
const received: Envelope[] = [];

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    received.push((await json(request)) as Envelope); // From our own simulator.
    response.end();
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const address = receiver.address();
  const port = typeof address === "object" ? address?.port : null;
  clerk = await startClerkSimulator({
    seed: 6,
    now: () => 1_700_000_000_000,
    webhook: { url: `http://127.0.0.1:${port}/hook`, concurrency: 1 },
  });
});
afterEach(() => {
  received.length = 0;
});
afterAll(async () => {
  await clerk.stop();
  receiver.closeAllConnections();
  receiver.close();
});

const typesReceived = () => received.map(({ type }) => type);

async function createTeam(silent = true) {
  const [ana, bia] = [await clerk.users.create({}, { silent }), await clerk.users.create({}, { silent })];
  const team = await clerk.organizations.create({ name: "Acme", createdBy: ana.id }, { silent });
  await clerk.memberships.create(team.id, bia.id, {}, { silent });
  return { ana: ana.id, bia: bia.id, team: team.id };
}

it("each change sends the event with Clerk's payload, and a silent one sends none", async () => {
  const { bia, team } = await createTeam();
  const other = await clerk.users.create({}, { silent: true });
  await clerk.organizations.update(team, { name: "Acme Inc" });
  await clerk.organizations.update(team, { name: "Acme" }, { silent: true });
  await clerk.memberships.create(team, other.id, { role: "org:admin" });
  await clerk.memberships.update(team, bia, { role: "org:team_lead" });
  await clerk.memberships.delete(team, other.id);
  const made = await clerk.organizations.create({ createdBy: bia });
  await clerk.webhooks.drain();
  expect(typesReceived()).toEqual([
    "organization.updated",
    "organizationMembership.created",
    "organizationMembership.updated",
    "organizationMembership.deleted",
    "organization.created",
    "organizationMembership.created",
  ]);
  expect(received[0]?.data).toMatchObject({
    object: "organization",
    id: team,
    name: "Acme Inc",
    members_count: 2,
  });
  expect(received[2]?.data).toMatchObject({ role: "org:team_lead", role_name: "Team lead" });
  // The event of a removed member is the whole membership.
  expect(received[3]?.data).toMatchObject({
    object: "organization_membership",
    organization: { id: team },
    public_user_data: { user_id: other.id },
  });
  expect(received[5]?.data).toMatchObject({ role: "org:admin", organization: { id: made.id } });
});

it("the events are lost, doubled and held as those of users", async () => {
  const { team } = await createTeam();
  await clerk.webhooks.disturb({ loseNext: 1, copies: 2 });
  await clerk.webhooks.hold();
  for (const name of ["A", "B", "C"]) await clerk.organizations.update(team, { name });
  await clerk.webhooks.drain();
  expect(received).toEqual([]);
  await clerk.webhooks.release({ order: "reversed" });
  await clerk.webhooks.drain();
  expect(received.map(({ data }) => data["name"])).toEqual(["C", "C", "B", "B"]);
  expect(await clerk.webhooks.list({ state: "lost" })).toMatchObject([{ type: "organization.updated" }]);
  await clerk.webhooks.calm();
});

it("a deleted organization or user ends memberships, with or without their events", async () => {
  const first = await createTeam();
  await clerk.organizations.delete(first.team);
  await clerk.webhooks.drain();
  expect(typesReceived()).toEqual([
    "organizationMembership.deleted",
    "organizationMembership.deleted",
    "organization.deleted",
  ]);
  expect(received[2]?.data).toEqual({
    object: "organization",
    id: first.team,
    slug: expect.any(String),
    deleted: true,
  });
  expect(await clerk.memberships.find(first.team, first.ana)).toBeNull();
  received.length = 0;

  const second = await createTeam();
  await clerk.users.delete(second.bia);
  await clerk.webhooks.configure({ announcesEnds: false });
  await clerk.users.delete(second.ana);
  await clerk.webhooks.drain();
  expect(typesReceived()).toEqual(["organizationMembership.deleted", "user.deleted", "user.deleted"]);
  expect(await clerk.organizations.find(second.team)).toMatchObject({ members_count: 0 });
  await clerk.webhooks.configure({ announcesEnds: true });
});

it("updated_at grows with every change even while the clock stands still, and members change it not", async () => {
  const { bia, team } = await createTeam();
  const before = await clerk.organizations.find(team);
  await clerk.memberships.delete(team, bia, { silent: true });
  expect(await clerk.organizations.find(team)).toMatchObject({
    updated_at: before?.updated_at,
    members_count: 1,
  });
  const changed = await clerk.organizations.update(team, { name: "A" }, { silent: true });
  expect(changed.updated_at).toBe((before?.updated_at ?? 0) + 1);
  const kept = await clerk.organizations.update(team, { name: "B" }, { silent: true, keepUpdatedAt: true });
  expect(kept).toMatchObject({ name: "B", updated_at: changed.updated_at });
});

it("a process elsewhere has the same operations, and an id is never used twice", async () => {
  const remote = await connectClerkSimulator(clerk.url);
  const { ana, team } = await createTeam();
  expect(await remote.memberships.find(team, ana)).toEqual(await clerk.memberships.find(team, ana));
  await remote.organizations.delete(team, { silent: true });
  expect(await clerk.organizations.find(team)).toBeNull();
  await expect(remote.organizations.create({ id: team })).rejects.toThrow(/used before/);
  await expect(remote.memberships.delete(team, ana)).rejects.toThrow(/there is no organization/);
});

it("seeded organizations share out the users that exist, and the same seed makes the same", async () => {
  const twins = await Promise.all(
    [1, 2].map(() => startClerkSimulator({ seed: 8, now: () => 1_700_000_000_000 })),
  );
  for (const twin of twins) {
    await twin.users.seed(5);
    await twin.organizations.seed(4, { members: 3 });
  }
  const [one, other] = await Promise.all(twins.map((twin) => twin.memberships.list()));
  expect(one).toEqual(other);
  expect(one).toHaveLength(12);
  expect(new Set(one?.map(({ public_user_data }) => public_user_data.user_id)).size).toBe(5);
  await Promise.all(twins.map((twin) => twin.stop()));
});

it.each([1, 2] as const)(
  "Clerk's package reads the active organization of a token, version %s",
  async (version) => {
    const { ana, bia, team } = await createTeam();
    const sdk = createClerkClient({
      secretKey: clerk.secretKey,
      telemetry: { disabled: true },
      publishableKey: `pk_test_${Buffer.from("clerk.example.com$").toString("base64")}`,
    });
    const authOf = async (token: string) => {
      const request = new Request("http://127.0.0.1/", { headers: { authorization: `Bearer ${token}` } });
      return (await sdk.authenticateRequest(request, { jwtKey: clerk.jwtKey })).toAuth();
    };
    // The simulator's clock stands in 2023.
    const expiresInS = 1_000_000_000;
    const permissions = ["org:invoices:read", "org:teams:manage", "org:teams:read"];
    const slug = (await clerk.organizations.find(team))?.slug ?? "";
    const organization = { id: team, slug, role: "org:admin", permissions };
    const token = await clerk.sessions.mintToken({ userId: ana, version, organization, expiresInS });
    expect(await authOf(token)).toMatchObject({
      userId: ana,
      orgId: team,
      orgRole: "org:admin",
      orgSlug: slug,
    });
    const auth = await authOf(token);
    expect(auth && "orgPermissions" in auth && auth.orgPermissions?.toSorted()).toEqual(permissions);

    const mint = () => clerk.sessions.mintToken({ userId: bia, version, organizationId: team, expiresInS });
    const looked = await mint();
    await clerk.memberships.delete(team, bia, { silent: true });
    // A token keeps its role after the member is removed.
    expect(await authOf(looked)).toMatchObject({ orgId: team, orgRole: "org:member", orgSlug: slug });
    await expect(mint()).rejects.toThrow(/no member/);
    const personal = await clerk.sessions.mintToken({ userId: ana, version, expiresInS });
    expect(await authOf(personal)).toMatchObject({ userId: ana, orgId: undefined });
  },
);
