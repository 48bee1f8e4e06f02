import { createClerkClient } from "@clerk/backend";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

let clerk: ClerkSimulator;
let sdk: ReturnType<typeof createClerkClient>;

beforeEach(async () => {
  clerk = await startClerkSimulator({ rateLimit: null });
  sdk = createClerkClient({ secretKey: clerk.secretKey, apiUrl: clerk.url });
});
afterEach(() => clerk.stop());

function send(method: string, path: string, body: string): Promise<Response> {
  const headers = { authorization: `Bearer ${clerk.secretKey}`, "content-type": "application/json" };
  return fetch(clerk.url + path, { method, headers, body });
}

it("an address belongs to one user, in upper or lower case", async () => {
  await sdk.users.createUser({ emailAddress: ["ana@example.com"] });
  await expect(sdk.users.createUser({ emailAddress: ["ANA@example.com"] })).rejects.toMatchObject({
    status: 422,
    errors: [{ code: "form_identifier_exists", meta: { paramName: "email_address" } }],
  });
  expect(await clerk.users.count()).toBe(1);
});

it("the control may give two users the same address", async () => {
  await clerk.users.create({ email: "ana@example.com" });
  await clerk.users.create({ email: "ana@example.com" });
  expect((await sdk.users.getUserList({ emailAddress: ["ana@example.com"] })).data).toHaveLength(2);
});

it("metadata is merged deeply, and null removes a key", async () => {
  const { id } = await clerk.users.create({
    publicMetadata: { turma: "neon", plan: { name: "a", seats: 1 } },
  });
  await sdk.users.updateUserMetadata(id, {
    publicMetadata: { turma: null, plan: { seats: 2 }, role: "admin" },
  });
  expect((await clerk.users.get(id)).public_metadata).toEqual({
    plan: { name: "a", seats: 2 },
    role: "admin",
  });
});

it("a sign-up may have its own time", async () => {
  const createdAt = new Date("2020-01-02T03:04:05.678Z");
  const { id } = await sdk.users.createUser({ createdAt });
  expect((await clerk.users.get(id)).created_at).toBe(createdAt.getTime());
});

it("changes through the API are recorded and sent as webhooks", async () => {
  const { id } = await sdk.users.createUser({ firstName: "Ana" });
  await sdk.users.banUser(id);
  await sdk.users.deleteUser(id);
  const changes = (await clerk.history.list({ userId: id })).map((entry) => entry.change);
  expect(changes).toEqual(["created", "updated", "deleted"]);
  expect(await clerk.webhooks.totals()).toMatchObject({ events: 3, unsent: 3 });
});

it("bodies that are not JSON or have the wrong type are refused, and so are unknown routes", async () => {
  expect((await send("POST", "/v1/users", "{")).status).toBe(400);
  expect((await send("POST", "/v1/users", '{"email_address":"not a list"}')).status).toBe(422);
  expect((await send("PATCH", "/v1/users/user_missing", "{}")).status).toBe(404);
  expect((await send("PATCH", "/v1/elsewhere", "{}")).status).toBe(404);
});

it("a Clerk without a cursor answers every request for the next page with the first page", async () => {
  const other = await startClerkSimulator({ cursor: "ignored" });
  await other.users.seed(3);
  const [, , newest] = await other.users.list();
  const headers = { authorization: `Bearer ${other.secretKey}` };
  const answer = await fetch(`${other.url}/v1/users?limit=1&starting_after=${newest?.id}`, { headers });
  expect(await answer.json()).toEqual([newest]);
  await other.stop();
});
