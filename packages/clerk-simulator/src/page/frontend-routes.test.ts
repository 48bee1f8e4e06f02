import { verifyToken } from "@clerk/backend";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ClerkSimulator } from "../control/control.ts";
import { startClerkSimulator } from "../simulator.ts";
import { registerFrontend } from "./frontend-routes.ts";

const origin = "http://localhost:3003";

let clerk: ClerkSimulator;
beforeEach(async () => {
  clerk = await startClerkSimulator({
    addRoutes: (app, control) => registerFrontend(app, control, { origins: [origin] }),
  });
});
afterEach(() => clerk.stop());

async function call(
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = { origin },
) {
  const answer = await fetch(`${clerk.url}/frontend/${path}`, {
    method,
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === "" ? null : JSON.parse(text) };
}

const ana = { firstName: "Ana", lastName: "Lima", email: "ana@example.com" };

test("a new user is signed in, and a token of the session names the user and the app", async () => {
  const { body } = await call("POST", "sign-ups", ana);
  expect(body.user).toEqual({ id: body.user.id, name: "Ana Lima", email: "ana@example.com" });
  const { body: answer } = await call("POST", `sessions/${body.sessionId}/tokens`);
  const options = { jwtKey: clerk.jwtKey, authorizedParties: [origin] };
  expect(await verifyToken(answer.token, options)).toMatchObject({
    sub: body.user.id,
    sid: body.sessionId,
    azp: origin,
  });
  const changes = await clerk.history.list({ userId: body.user.id });
  expect(changes.map(({ change }) => change)).toEqual(["created", "signed-in"]);
});

test("an existing user may sign in, and the list shows the latest user first", async () => {
  await call("POST", "sign-ups", ana);
  const { id } = await clerk.users.create({ firstName: "Bia" });
  const { body } = await call("GET", "people");
  expect(body.people.map(({ name }: { name: string }) => name)).toEqual(["Bia", "Ana Lima"]);
  expect((await call("POST", "sign-ins", { userId: id })).body.user.id).toBe(id);
});

test("a session that ended, or whose user is banned or deleted, gives no token", async () => {
  const open = async () => (await call("POST", "sign-ups", ana)).body;
  const tokenStatus = async (session: { sessionId: string }) =>
    (await call("POST", `sessions/${session.sessionId}/tokens`)).status;
  const [ended, banned, deleted] = [await open(), await open(), await open()];
  expect((await call("DELETE", `sessions/${ended.sessionId}`)).status).toBe(204);
  await clerk.users.ban(banned.user.id);
  await clerk.users.delete(deleted.user.id);
  expect([await tokenStatus(ended), await tokenStatus(banned), await tokenStatus(deleted)]).toEqual([
    404, 404, 404,
  ]);
  expect((await call("POST", "sign-ins", { userId: banned.user.id })).status).toBe(403);
  expect((await call("POST", "sign-ins", { userId: deleted.user.id })).status).toBe(404);
});

test("a listed app may call from the browser, and an unlisted page may not", async () => {
  const asked = await call("OPTIONS", "sign-ups");
  expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
  for (const headers of [{}, { origin: "https://elsewhere.example" }]) {
    const refused = await call("POST", "sign-ups", ana, headers);
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  }
  expect(await clerk.users.count()).toBe(0);
});

test("an invalid sign-up is refused", async () => {
  expect((await call("POST", "sign-ups", { firstName: 7 })).status).toBe(400);
});

test.each([
  ["a body that is not JSON", "application/json", "{", 400],
  ["no body", "application/json", "", 400],
  ["JSON of another kind", "application/json", "7", 400],
  ["a body of another type", "text/xml", "<a/>", 415],
])("%s is a client error", async (_case, type, body, status) => {
  const headers = { origin, "content-type": type };
  const answer = await fetch(`${clerk.url}/frontend/sign-ups`, { method: "POST", headers, body });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual({ error: "The request could not be read" });
});
