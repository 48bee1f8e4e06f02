import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ClerkGateway, createClerkGateway } from "./gateway.ts";

let clerk: ClerkSimulator;
let gateway: ClerkGateway;
const statuses: string[] = [];
const partlyRead: unknown[] = [];

beforeAll(async () => {
  clerk = await startClerkSimulator({ rateLimit: null });
  gateway = createClerkGateway({
    secretKey: clerk.secretKey,
    apiUrl: clerk.url,
    onRequest: (status) => statuses.push(status),
    onPartlyRead: (users) => partlyRead.push(users),
  });
});
afterEach(() => clerk.faults.heal());
afterAll(async () => {
  await gateway.close();
  await clerk.stop();
});

test("a user is read with the fields that Rollcall uses and no others", async () => {
  const person = await clerk.users.create({ firstName: "Ada", email: "ada@example.com" });
  const result = await gateway.readUser(person.id);
  expect(result).toMatchObject({ found: { id: person.id, first_name: "Ada", banned: false } });
  expect(result).not.toHaveProperty("found.phone_numbers");
});

test("a user that Clerk does not have is absent", async () => {
  expect(await gateway.readUser("user_absent")).toEqual({ absent: true });
});

test("100 users come in one request, and an unknown user is not in the map", async () => {
  const people = await Promise.all(Array.from({ length: 99 }, () => clerk.users.create()));
  await clerk.requests.clear();
  const results = await gateway.readUsers([...people.map((person) => person.id), "user_absent"]);
  expect(results.size).toBe(99);
  expect(await clerk.requests.list()).toHaveLength(1);
});

test("a list that waits before it is parsed keeps its own bytes while others are read", async () => {
  const people = await Promise.all(Array.from({ length: 3 }, () => clerk.users.create()));
  const list = (id: string | undefined, beforeParse?: () => Promise<unknown>) =>
    gateway.listUsers({ orderBy: "+created_at", limit: 1, clerkIds: id ? [id] : [] }, beforeParse);
  const [first, ...others] = people.map(({ id }) => id);
  const listed = await list(first, async () => {
    for (const id of others) expect(await list(id)).toMatchObject([{ clerkId: id }]);
  });
  expect(listed).toMatchObject([{ clerkId: first }]);
});

describe("fields of an unexpected form", () => {
  const email = { id: "idn_1", email_address: "ada@example.com", verification: { status: "verified" } };
  test.each<[string, Record<string, unknown>, object, string[]]>([
    ["a time in seconds", { updated_at: 1719765690.123 }, { updated_at: null }, ["updated_at"]],
    [
      "a null time",
      { updated_at: null, created_at: null },
      { updated_at: null },
      ["created_at", "updated_at"],
    ],
    ["a time as text", { created_at: "2024-06-30" }, { created_at: null }, ["created_at"]],
    ["metadata as a list", { public_metadata: [] }, { public_metadata: null }, ["public_metadata"]],
    [
      "an address without fields",
      { email_addresses: [{}, email] },
      { email_addresses: [email] },
      ["email_addresses"],
    ],
    [
      "an unreadable verification",
      { email_addresses: [{ ...email, verification: "yes" }] },
      { email_addresses: [{ ...email, verification: null }] },
      ["email_addresses"],
    ],
    ["addresses as text", { email_addresses: "none" }, { email_addresses: null }, ["email_addresses"]],
    ["a name as an object", { first_name: { hidden: "x" } }, { first_name: null }, ["first_name"]],
    ["banned as text", { banned: "perhaps" }, { banned: null }, ["banned"]],
  ])("%s is left out alone, and reported with the id only", async (_case, raw, expected, fields) => {
    partlyRead.length = 0;
    const { id } = await clerk.users.create({ lastName: "Lovelace", raw });
    const found = { id, last_name: "Lovelace", ...expected };
    expect(await gateway.readUser(id)).toMatchObject({ found });
    expect((await gateway.readUsers([id])).get(id)).toMatchObject({ found });
    expect(await gateway.listUsers({ orderBy: "+created_at", limit: 1, clerkIds: [id] })).toMatchObject([
      { clerkId: id, result: { found } },
    ]);
    expect(partlyRead).toEqual(Array(3).fill([{ clerkId: id, fields }]));
  });

  test("a user without a readable id, or with another id, is unreadable alone, and its error shows no value", async () => {
    const [good, bad, other] = [await clerk.users.create(), "user_bad", "user_other"];
    await clerk.users.create({ id: bad, raw: { id: { hidden: "Ada" } } });
    await clerk.users.create({ id: other, raw: { id: "user_another" } });
    expect((await gateway.readUsers([good.id, bad])).get(good.id)).toHaveProperty("found");
    for (const id of [bad, other]) {
      const result = await gateway.readUser(id);
      expect(result).toMatchObject({ unreadable: { code: "clerk.unreadable" } });
      expect(String("unreadable" in result && result.unreadable.message)).not.toMatch(/Ada|another_/);
    }
  });
});

describe("typed errors", () => {
  test.each([
    [{ kind: "status", status: 500 }, { code: "clerk.unavailable" }],
    [{ kind: "status", status: 503 }, { code: "clerk.unavailable" }],
    [
      { kind: "rate-limit", retryAfterS: 7 },
      { code: "clerk.rate_limited", retryAfterMs: 7_000 },
    ],
    [{ kind: "status", status: 422 }, { code: "clerk.unreadable" }],
    [{ kind: "reset" }, { code: "clerk.unavailable" }],
    [{ kind: "truncated" }, expect.objectContaining({ code: expect.stringMatching(/^clerk\.un/) })],
    [{ kind: "malformed" }, { code: "clerk.unreadable" }],
  ] as const)("%j", async (fault, expected) => {
    await clerk.faults.add(fault);
    await expect(gateway.readUser("user_1")).rejects.toMatchObject(expected);
  });

  test("a request that Clerk does not answer is clerk.unavailable", async () => {
    const hasty = createClerkGateway({
      secretKey: clerk.secretKey,
      apiUrl: clerk.url,
      timeoutMs: 100,
      onRequest: (status) => statuses.push(status),
    });
    await clerk.faults.add({ kind: "hang" });
    await expect(hasty.readUser("user_1")).rejects.toMatchObject({ code: "clerk.unavailable" });
    await hasty.close();
  });

  test("a wrong key is clerk.unauthorized", async () => {
    const stranger = createClerkGateway({ secretKey: "sk_test_wrong", apiUrl: clerk.url });
    await expect(stranger.countUsers()).rejects.toMatchObject({ code: "clerk.unauthorized" });
    await stranger.close();
  });

  test("a port without a server is clerk.unavailable", async () => {
    const unreachable = createClerkGateway({ secretKey: "sk_test_x", apiUrl: "http://127.0.0.1:9" });
    await expect(unreachable.countUsers()).rejects.toMatchObject({ code: "clerk.unavailable" });
    await unreachable.close();
  });

  test("a 404 that is not Clerk's own is no absence, so a wrong address deletes no user", async () => {
    const proxy = createServer((_request, response) => {
      response.writeHead(404, { "content-type": "text/html" }).end("<h1>Not Found</h1>");
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => proxy.once("listening", resolve));
    const { port } = proxy.address() as AddressInfo;
    const other = createClerkGateway({ secretKey: "sk_test_x", apiUrl: `http://127.0.0.1:${port}` });
    await expect(other.readUser("user_1")).rejects.toMatchObject({ code: "clerk.unreadable" });
    await other.close();
    proxy.closeAllConnections();
    proxy.close();
  });

  test("an answer over 10 MB is refused, and a body that never ends stops at the timeout", async () => {
    const server = createServer((request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      if (request.url?.includes("trickle")) response.write("[");
      else response.end(`"${"a".repeat(11 * 1024 * 1024)}"`);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const address = { secretKey: "sk_test_x", apiUrl: `http://127.0.0.1:${port}` };
    const other = createClerkGateway(address);
    const hasty = createClerkGateway({ ...address, timeoutMs: 100 });
    await expect(other.readUser("user_big")).rejects.toMatchObject({ code: "clerk.too_large" });
    await expect(hasty.readUser("user_trickle")).rejects.toMatchObject({ code: "clerk.unavailable" });
    server.closeAllConnections();
    server.close();
    await Promise.all([other.close(), hasty.close()]);
  });
});

test("each request is counted by its status, or by the reason that it has none", () => {
  expect(new Set(statuses)).toEqual(
    new Set(["200", "404", "500", "503", "429", "422", "timeout", "network", "unreadable"]),
  );
});
