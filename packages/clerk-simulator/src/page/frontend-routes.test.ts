import { verifyToken } from "@clerk/backend";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ClerkSimulator } from "../control/control.ts";
import { startClerkSimulator } from "../simulator.ts";
import { createAppSessions } from "./app-sessions.ts";
import { registerFrontend } from "./frontend-routes.ts";
import { registerSignIn } from "./sign-in-routes.ts";

const restart = "CLERK_AUTHORIZED_PARTIES=http://a.test,{origin} npx rollcall dev";

const origin = "http://localhost:3003";

let clerk: ClerkSimulator;
beforeEach(async () => {
  clerk = await startClerkSimulator({
    addRoutes: (app, control) => {
      const frontend = { control, sessions: createAppSessions(control), origins: [origin], restart };
      registerFrontend(app, frontend);
      registerSignIn(app, frontend);
    },
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
  await clerk.users.seed(1, { firstCreatedAtMs: 1_300_000_000_000 });
  const [{ id } = { id: "" }] = await clerk.users.list();
  const { user } = (await call("POST", "sign-ups", ana)).body;
  const { body } = await call("GET", "people");
  expect(body.people.map((one: { id: string }) => one.id)).toEqual([user.id, id]);
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

describe("the page that signs in for an app", () => {
  const signIn = (body: object, headers: Record<string, string> = { origin: clerk.url }) =>
    fetch(`${clerk.url}/sign-in`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });

  test("returns to a listed app with a session, for a new and for a known user", async () => {
    const visit = await fetch(`${clerk.url}/sign-in?return_to=${encodeURIComponent(`${origin}/goals`)}`);
    expect([visit.status, visit.headers.get("content-security-policy")]).toEqual([
      200,
      expect.stringContaining("frame-ancestors 'none'"),
    ]);
    const { id: userId } = await clerk.users.create({ firstName: "Bia" });
    for (const [chosen, name] of [
      [{ person: ana }, "Ana Lima"],
      [{ userId }, "Bia"],
    ] as const) {
      const answer = await signIn({ returnTo: `${origin}/goals?month=5#top`, ...chosen });
      // The cast is not checked: a missing property fails the test.
      const { location } = (await answer.json()) as { location: string };
      const { origin: app, pathname, hash, searchParams } = new URL(location);
      expect([app, pathname, hash, searchParams.get("month")]).toEqual([origin, "/goals", "#top", "5"]);
      const session = await call("GET", `sessions/${searchParams.get("__simulator_session")}`);
      expect(session.body.user.name).toBe(name);
    }
  });

  test("returns to no other page, and names the variable that lists the apps", async () => {
    for (const returnTo of [
      "https://elsewhere.example/",
      "http://localhost:5173/",
      "javascript:alert(1)",
      "",
    ]) {
      const visit = await fetch(`${clerk.url}/sign-in?return_to=${encodeURIComponent(returnTo)}`);
      expect([visit.status, await visit.text()]).toEqual([403, expect.not.stringContaining("alert")]);
      expect((await signIn({ returnTo, person: ana })).status).toBe(403);
    }
    const visit = await fetch(`${clerk.url}/sign-in?return_to=http://localhost:5173/a`);
    expect(await visit.text()).toContain(
      "CLERK_AUTHORIZED_PARTIES=http://a.test,http://localhost:5173 npx rollcall dev",
    );
    expect(await clerk.users.count()).toBe(0);
  });

  test("begins no session for a banned user, a body that is none, or a page of another origin", async () => {
    const { id: userId } = await clerk.users.create({ firstName: "Bia" });
    await clerk.users.ban(userId);
    const statuses = [
      await signIn({ returnTo: origin, userId }),
      await signIn({ returnTo: origin }),
      await signIn({ returnTo: origin, person: ana }, { origin }),
      await signIn({ returnTo: origin, person: ana }, { "content-type": "text/plain" }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([403, 400, 403, 415]);
    expect(await clerk.users.count()).toBe(1);
  });
});
