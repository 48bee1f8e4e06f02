import { createClerkClient, verifyToken } from "@clerk/backend";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

let clerk: ClerkSimulator;
let sdk: ReturnType<typeof createClerkClient>;

beforeEach(async () => {
  // The clock never returns the same time twice, so that no order depends on ties.
  let ticks = 0;
  clerk = await startClerkSimulator({ seed: 1, rateLimit: null, now: () => Date.now() + ticks++ });
  sdk = createClerkClient({ secretKey: clerk.secretKey, apiUrl: clerk.url });
});
afterEach(() => clerk.stop());

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(clerk.url + path, { headers: { authorization: `Bearer ${clerk.secretKey}`, ...headers } });
}

async function idsOf(path: string): Promise<string[]> {
  const users = (await (await get(path)).json()) as { id: string }[]; // Our own server.
  return users.map((user) => user.id);
}

describe("Clerk's own SDK", () => {
  it("reads a user as created", async () => {
    const { id } = await clerk.users.create({ email: "ana@example.com", firstName: "Ana", lastName: null });
    const user = await sdk.users.getUser(id);
    expect(user.id).toMatch(/^user_[0-9A-Za-z]{27}$/);
    expect(user.primaryEmailAddress?.emailAddress).toBe("ana@example.com");
    expect(user.primaryEmailAddress?.verification?.status).toBe("verified");
    expect([user.firstName, user.lastName, user.banned]).toEqual(["Ana", null, false]);
  });

  it("lists, counts and filters", async () => {
    const ana = await clerk.users.create({ email: "ana@example.com" });
    const bia = await clerk.users.create({ email: "bia@example.com" });
    const all = await sdk.users.getUserList({ orderBy: "+created_at" });
    expect(all.totalCount).toBe(2);
    expect(new Set(all.data.map((user) => user.id))).toEqual(new Set([ana.id, bia.id]));
    const one = await sdk.users.getUserList({ emailAddress: ["BIA@example.com"] });
    expect(one.data.map((user) => user.id)).toEqual([bia.id]);
    expect(await sdk.users.getCount({ userId: [ana.id, "user_missing"] })).toBe(1);
    expect((await sdk.users.getUserList({ query: "bia" })).data.map((user) => user.id)).toEqual([bia.id]);
  });

  it("creates, changes, bans and deletes", async () => {
    const { id } = await sdk.users.createUser({ emailAddress: ["caio@example.com"], firstName: "Caio" });
    await sdk.users.updateUser(id, { lastName: "Lima" });
    await sdk.users.updateUserMetadata(id, { publicMetadata: { role: "admin" } });
    await sdk.users.banUser(id);
    const user = await sdk.users.getUser(id);
    expect([user.lastName, user.publicMetadata["role"], user.banned]).toEqual(["Lima", "admin", true]);
    await sdk.users.deleteUser(id);
    await expect(sdk.users.getUser(id)).rejects.toMatchObject({
      status: 404,
      errors: [{ code: "resource_not_found" }],
    });
  });

  it("accepts a session token, and refuses a token of another simulator", async () => {
    const { id } = await clerk.users.create();
    const azp = "https://app.example.com";
    const token = await clerk.sessions.mintToken({ userId: id, azp });
    const claims = await verifyToken(token, { jwtKey: clerk.jwtKey, authorizedParties: [azp] });
    expect(claims).toMatchObject({ sub: id, azp, v: 2 });
    expect(claims.exp - claims.iat).toBe(60);
    const other = await startClerkSimulator();
    await expect(verifyToken(token, { jwtKey: other.jwtKey })).rejects.toThrow(/signature/i);
    await other.stop();
  });

  it("recognizes an expired and a pending token", async () => {
    const mint = clerk.sessions.mintToken;
    const expired = await mint({ userId: "user_x", expiresInS: -60 });
    await expect(verifyToken(expired, { jwtKey: clerk.jwtKey })).rejects.toThrow(/expired/);
    const pending = await mint({
      userId: "user_x",
      sts: "pending",
      overrides: { pla: "u:pro" },
      omit: ["sid"],
    });
    const claims = await verifyToken(pending, { jwtKey: clerk.jwtKey });
    expect(claims).toMatchObject({ sts: "pending", pla: "u:pro" });
    expect(claims).not.toHaveProperty("sid");
  });

  it("finds the signing key by its id at the JWKS URL", async () => {
    const token = await clerk.sessions.mintToken({ userId: "user_x" });
    const claims = await verifyToken(token, { secretKey: clerk.secretKey, apiUrl: clerk.url });
    expect(claims.sub).toBe("user_x");
    const strange = await clerk.sessions.mintToken({ userId: "user_x", kid: "ins_other" });
    await expect(verifyToken(strange, { secretKey: clerk.secretKey, apiUrl: clerk.url })).rejects.toThrow(
      /kid/,
    );
  });
});

describe("answers", () => {
  it("are JSON without a charset, also for errors", async () => {
    expect((await get("/v1/users")).headers.get("content-type")).toBe("application/json");
    const refused = await get("/v1/users", { authorization: "Bearer sk_test_wrong" });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("content-type")).toBe("application/json");
    expect(await refused.json()).toMatchObject({ errors: [{ code: "clerk_key_invalid" }] });
  });

  it("count against the limit; above it requests are refused with the seconds to wait", async () => {
    await clerk.requests.setRateLimit({ requests: 3, windowMs: 60_000 });
    await clerk.requests.clear();
    const statuses = await Promise.all(
      Array.from({ length: 5 }, () => get("/v1/users").then((r) => r.status)),
    );
    expect(statuses.sort()).toEqual([200, 200, 200, 429, 429]);
    const refused = await get("/v1/users");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(1);
    expect(await refused.json()).toMatchObject({ errors: [{ code: "too_many_requests" }] });
    expect((await clerk.requests.windows()).at(-1)).toMatchObject({ allowed: 3, limited: 3 });
    expect(await clerk.requests.totals()).toEqual({ total: 6, byStatus: { "200": 3, "429": 3 } });
  });

  it("are logged with path, status and API version", async () => {
    await get("/v1/users?limit=1", { "clerk-api-version": "2026-05-12" });
    expect(await clerk.requests.list()).toMatchObject([
      { method: "GET", path: "/v1/users", query: "limit=1", status: 200, apiVersion: "2026-05-12" },
    ]);
  });
});

describe("GET /v1/users", () => {
  it("answers 10 users by default, and 10 for a limit over 500, also by id", async () => {
    await clerk.users.seed(600);
    expect(await idsOf("/v1/users")).toHaveLength(10);
    expect(await idsOf("/v1/users?limit=500")).toHaveLength(500);
    expect(await idsOf("/v1/users?limit=501")).toHaveLength(10);
    const ids = (await clerk.users.list({ limit: 50 })).map((user) => user.id);
    expect(await idsOf(`/v1/users?${ids.map((id) => `user_id=${id}`).join("&")}`)).toHaveLength(10);
    expect(await idsOf(`/v1/users?limit=100&${ids.map((id) => `user_id[]=${id}`).join("&")}`)).toHaveLength(
      50,
    );
  });

  it("refuses 101 ids, unknown parameters, unknown orders and invalid numbers", async () => {
    const ids = Array.from({ length: 101 }, (_, i) => `user_id=user_${i}`).join("&");
    for (const query of [ids, "colour=red", "order_by=shoe_size", "limit=0", "limit=ten", "offset=-1"]) {
      expect([query, (await get(`/v1/users?${query}`)).status]).toEqual([query, 422]);
    }
  });

  it("orders by time and breaks ties by id, in both directions", async () => {
    for (const [id, createdAtMs] of Object.entries({ user_c: 2, user_b: 2, user_a: 3, user_d: 1 })) {
      await clerk.users.create({ id, createdAtMs });
    }
    const ascending = ["user_d", "user_b", "user_c", "user_a"];
    expect(await idsOf("/v1/users?order_by=%2Bcreated_at")).toEqual(ascending);
    expect(await idsOf("/v1/users?order_by=created_at")).toEqual(ascending);
    expect(await idsOf("/v1/users")).toEqual(ascending.toReversed());
    expect(await idsOf("/v1/users?created_at_after=1&created_at_before=3")).toEqual(["user_c", "user_b"]);
  });

  it("orders by the latest change", async () => {
    await clerk.users.seed(5);
    const [first, second] = await clerk.users.list();
    await clerk.users.update(second?.id ?? "", { firstName: "Zoe" });
    await clerk.users.update(first?.id ?? "", { firstName: "Yan" });
    expect(await idsOf("/v1/users?order_by=-updated_at&limit=2")).toEqual([first?.id, second?.id]);
  });

  it("visits every user once with a cursor while new users sign up", async () => {
    await clerk.users.seed(25, { firstCreatedAtMs: 1 });
    const newUsers = [900_000_001, 900_000_002];
    const seen: string[] = [];
    for (let page = await idsOf("/v1/users?order_by=created_at&limit=10"); page.length > 0; ) {
      seen.push(...page);
      const createdAtMs = newUsers.shift();
      if (createdAtMs !== undefined) await clerk.users.create({ createdAtMs });
      page = await idsOf(`/v1/users?order_by=created_at&limit=10&starting_after=${seen.at(-1)}`);
    }
    expect(seen).toEqual((await clerk.users.list()).map((user) => user.id));
    expect(seen).toHaveLength(27);
  });

  it("walks backwards with a cursor when the newest users come first", async () => {
    await clerk.users.seed(5);
    const [newest, ...older] = (await clerk.users.list()).map((user) => user.id).reverse();
    expect(await idsOf(`/v1/users?starting_after=${newest}`)).toEqual(older);
  });

  it("refuses a cursor that names no user, that comes with an offset, or that comes with another order", async () => {
    const { id } = await clerk.users.create();
    for (const query of ["&offset=0", "&order_by=-updated_at", "&order_by=username"]) {
      expect((await get(`/v1/users?starting_after=${id}${query}`)).status).toBe(422);
    }
    expect((await get(`/v1/users?starting_after=${id}`)).status).toBe(200);
    await clerk.users.delete(id);
    expect((await get(`/v1/users?starting_after=${id}`)).status).toBe(422);
  });
});
