import { createClerkClient } from "@clerk/backend";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

let clerk: ClerkSimulator;

beforeEach(async () => {
  clerk = await startClerkSimulator({ seed: 3, rateLimit: null });
  await clerk.users.seed(20);
});
afterEach(() => clerk.stop());

function get(path = "/v1/users"): Promise<Response> {
  return fetch(clerk.url + path, { headers: { authorization: `Bearer ${clerk.secretKey}` } });
}

const statusOf = async (path?: string) => (await get(path)).status;

it("an error hits the next n requests and no more", async () => {
  await clerk.faults.add({ kind: "status", times: 2 });
  expect([await statusOf(), await statusOf(), await statusOf()]).toEqual([500, 500, 200]);
  expect(await clerk.faults.list()).toEqual([]);
});

it("an error without a number of requests lasts until healed", async () => {
  await clerk.faults.add({ kind: "status", status: 503 });
  expect([await statusOf(), await statusOf(), await statusOf()]).toEqual([503, 503, 503]);
  expect(await clerk.faults.list()).toMatchObject([{ kind: "status", hits: 3 }]);
  await clerk.faults.heal();
  expect(await statusOf()).toBe(200);
});

it("a share hits about that share of the requests", async () => {
  await clerk.faults.add({ kind: "status", share: 0.5 });
  const statuses: number[] = [];
  for (let i = 0; i < 60; i++) statuses.push(await statusOf());
  const failed = statuses.filter((status) => status === 500).length;
  expect(failed).toBeGreaterThan(10);
  expect(failed).toBeLessThan(50);
});

it("a rate limit gives the SDK the seconds to wait", async () => {
  await clerk.faults.add({ kind: "rate-limit", retryAfterS: 7, times: 1 });
  const sdk = createClerkClient({ secretKey: clerk.secretKey, apiUrl: clerk.url });
  await expect(sdk.users.getUser("user_x")).rejects.toMatchObject({ status: 429, retryAfter: 7 });
});

it("a hanging request is answered once healed, and not before", async () => {
  await clerk.faults.add({ kind: "hang" });
  let answered = false;
  const hanging = statusOf().then((status) => {
    answered = true;
    return status;
  });
  await expect.poll(() => clerk.requests.list()).toMatchObject([{ fault: "hang", status: null }]);
  expect(answered).toBe(false);
  await clerk.faults.heal();
  expect(await hanging).toBe(200);
});

it("a hanging request does not keep the simulator from stopping", async () => {
  const other = await startClerkSimulator();
  await other.faults.add({ kind: "hang" });
  const authorization = `Bearer ${other.secretKey}`;
  const hanging = fetch(`${other.url}/v1/users`, { headers: { authorization } }).catch(() => "cut off");
  await expect.poll(async () => (await other.requests.totals()).total).toBe(1);
  await other.stop();
  await hanging;
});

it("a reset breaks the connection without an answer", async () => {
  await clerk.faults.add({ kind: "reset", times: 1 });
  await expect(get()).rejects.toThrow();
  expect(await clerk.requests.list()).toMatchObject([{ fault: "reset", status: null }]);
  expect(await statusOf()).toBe(200);
});

it("a truncated body ends early", async () => {
  await clerk.faults.add({ kind: "truncated", times: 1 });
  const answer = await get();
  expect(answer.status).toBe(200);
  expect(Number(answer.headers.get("content-length"))).toBeGreaterThan(1000);
  await expect(answer.text()).rejects.toThrow();
});

it("a malformed body is not JSON", async () => {
  await clerk.faults.add({ kind: "malformed", times: 1 });
  const answer = await get();
  expect(answer.status).toBe(200);
  await expect(answer.json()).rejects.toThrow(SyntaxError);
});

it("an empty list affects lists, and neither counts nor single users", async () => {
  await clerk.faults.add({ kind: "empty-list" });
  const [user] = await clerk.users.list();
  expect(await (await get()).json()).toEqual([]);
  expect(await (await get("/v1/users/count")).json()).toEqual({ object: "total_count", total_count: 20 });
  expect(await statusOf(`/v1/users/${user?.id}`)).toBe(200);
});

it("a short list lacks its second half, unless the request names ids", async () => {
  await clerk.faults.add({ kind: "short-list" });
  const users = await clerk.users.list();
  const half = await (await get("/v1/users?limit=20&order_by=created_at")).json();
  expect(half).toHaveLength(10);
  const named = users.map(({ id }) => `user_id=${id}`).join("&");
  expect(await (await get(`/v1/users?limit=20&${named}`)).json()).toHaveLength(20);
});

it("latency delays the normal answer and also an error", async () => {
  await clerk.faults.add({ kind: "latency", ms: 30 });
  await clerk.faults.add({ kind: "status", times: 1 });
  const startedAtMs = performance.now();
  expect(await statusOf()).toBe(500);
  // A timer may fire a millisecond early; it never fires much earlier.
  expect(performance.now() - startedAtMs).toBeGreaterThan(25);
  expect(await statusOf()).toBe(200);
});

it("a fault for one user does not affect other users", async () => {
  const [poison, other] = await clerk.users.list();
  await clerk.faults.add({ kind: "status", forUser: poison?.id });
  expect(await statusOf(`/v1/users/${poison?.id}`)).toBe(500);
  expect(await statusOf(`/v1/users?user_id=${other?.id}&user_id=${poison?.id}`)).toBe(500);
  expect(await statusOf(`/v1/users/${other?.id}`)).toBe(200);
  expect(await statusOf()).toBe(200);
});

it("a fault for a path or method does not affect other requests", async () => {
  await clerk.faults.add({ kind: "status", path: "/v1/users/count" });
  const id = await clerk.faults.add({ kind: "status", method: "POST" });
  expect(await statusOf("/v1/users/count")).toBe(500);
  expect(await statusOf()).toBe(200);
  await clerk.faults.remove(id);
  const headers = { authorization: `Bearer ${clerk.secretKey}` };
  expect((await fetch(`${clerk.url}/v1/users`, { method: "POST", headers })).status).toBe(200);
});

it("stale reads lack newer users, have deleted ones, and tell old versions, until healed", async () => {
  const [gone, changed] = await clerk.users.list({ limit: 2 });
  if (!gone || !changed) throw new Error("There are no users");
  const given = await clerk.users.create({ id: "user_given", email: "given@example.com" });
  await clerk.faults.add({ kind: "stale" });
  await clerk.users.delete(gone.id);
  await clerk.users.update(changed.id, { firstName: "Later" });
  const { id: younger } = await clerk.users.create();
  const read = async (path: string) => (await get(path)).json();
  const list = async () => ((await read("/v1/users?limit=500")) as { id: string }[]).map(({ id }) => id);
  expect(await list()).toContain(gone.id);
  expect(await list()).not.toContain(younger);
  expect(await read("/v1/users/count")).toMatchObject({ total_count: 21 });
  expect(await read(`/v1/users/${gone.id}`)).toMatchObject({ id: gone.id });
  expect(await statusOf(`/v1/users/${younger}`)).toBe(404);
  expect(await read(`/v1/users/${changed.id}`)).toEqual(changed);
  expect(await read("/v1/users?email_address=given@example.com")).toEqual([given]);
  await clerk.faults.heal();
  expect(await list()).not.toContain(gone.id);
  expect(await statusOf(`/v1/users/${younger}`)).toBe(200);
});

it("a fault that comes later lets the first requests pass, and its stale answers are of its start", async () => {
  await clerk.faults.add({ kind: "stale", after: 2 });
  const { id } = await clerk.users.create();
  expect(await statusOf(`/v1/users/${id}`)).toBe(200);
  expect(await statusOf(`/v1/users/${id}`)).toBe(200);
  expect(await statusOf(`/v1/users/${id}`)).toBe(404);
});

it("stale lists leave reads of one user as they are", async () => {
  await clerk.faults.add({ kind: "stale", reads: "lists" });
  const { id } = await clerk.users.create();
  expect(await statusOf(`/v1/users/${id}`)).toBe(200);
  expect(await (await get(`/v1/users?user_id=${id}`)).json()).toEqual([]);
});

it("stale lists of organizations and members are those of the fault's start, until healed", async () => {
  const [member, later] = await clerk.users.list({ limit: 2 });
  if (!member || !later) throw new Error("There are no users");
  const { id } = await clerk.organizations.create({ createdBy: member.id });
  await clerk.faults.add({ kind: "stale", reads: "lists" });
  await clerk.memberships.update(id, member.id, { role: "org:member" });
  await clerk.memberships.create(id, later.id);
  const { id: younger } = await clerk.organizations.create();
  const read = async (path: string) => (await (await get(path)).json()) as { data: { id: string }[] };
  const roles = async () =>
    ((await read(`/v1/organizations/${id}/memberships`)).data as { role?: string }[]).map(({ role }) => role);
  expect(await roles()).toEqual(["org:admin"]);
  expect((await read("/v1/organizations")).data.map((one) => one.id)).not.toContain(younger);
  expect(await statusOf(`/v1/organizations/${younger}`)).toBe(200);
  expect(await statusOf(`/v1/organizations/${younger}/memberships`)).toBe(404);
  expect((await read(`/v1/users/${later.id}/organization_memberships`)).data).toEqual([]);
  await clerk.organizations.delete(id);
  await clerk.users.delete(member.id);
  expect(await roles()).toEqual(["org:admin"]);
  await clerk.faults.heal();
  expect(await statusOf(`/v1/organizations/${id}/memberships`)).toBe(404);
});
