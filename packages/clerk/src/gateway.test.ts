import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ClerkGateway, createClerkGateway } from "./gateway.ts";

let clerk: ClerkSimulator;
let gateway: ClerkGateway;
const statuses: string[] = [];

beforeAll(async () => {
  clerk = await startClerkSimulator({ rateLimit: null });
  gateway = createClerkGateway({
    secretKey: clerk.secretKey,
    apiUrl: clerk.url,
    timeoutMs: 500,
    onRequest: (status) => statuses.push(status),
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

test("a user of an unexpected form is unreadable alone, and its error shows no value", async () => {
  const [good, bad] = [
    await clerk.users.create(),
    await clerk.users.create({ raw: { first_name: { hidden: "Ada" } } }),
  ];
  const results = await gateway.readUsers([good.id, bad.id]);
  expect(results.get(good.id)).toHaveProperty("found");
  const result = results.get(bad.id);
  expect(result).toMatchObject({ unreadable: { code: "clerk.unreadable" } });
  expect(String(result && "unreadable" in result && result.unreadable.message)).not.toContain("Ada");
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
    [{ kind: "hang" }, { code: "clerk.unavailable" }],
    [{ kind: "reset" }, { code: "clerk.unavailable" }],
    [{ kind: "truncated" }, expect.objectContaining({ code: expect.stringMatching(/^clerk\.un/) })],
    [{ kind: "malformed" }, { code: "clerk.unreadable" }],
  ] as const)("%j", async (fault, expected) => {
    await clerk.faults.add(fault);
    await expect(gateway.readUser("user_1")).rejects.toMatchObject(expected);
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
    const other = createClerkGateway({
      secretKey: "sk_test_x",
      apiUrl: `http://127.0.0.1:${port}`,
      timeoutMs: 2_000,
    });
    await expect(other.readUser("user_big")).rejects.toMatchObject({ code: "clerk.unreadable" });
    await expect(other.readUser("user_trickle")).rejects.toMatchObject({ code: "clerk.unavailable" });
    server.closeAllConnections();
    server.close();
    await other.close();
  });
});

test("each request is counted by its status, or by the reason that it has none", () => {
  expect(new Set(statuses)).toEqual(
    new Set(["200", "404", "500", "503", "429", "422", "timeout", "network", "unreadable"]),
  );
});
