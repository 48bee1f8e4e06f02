import { request } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { controlArguments } from "./control/arguments.ts";
import type { ClerkSimulator } from "./control/control.ts";
import { createAppSessions } from "./page/app-sessions.ts";
import { registerFrontend } from "./page/frontend-routes.ts";
import { startClerkSimulator } from "./simulator.ts";

const app = "http://localhost:3003";
const foreign = "https://elsewhere.example";

let clerk: ClerkSimulator;
beforeEach(async () => {
  clerk = await startClerkSimulator({
    hosts: ["simulator.internal"],
    addRoutes: (server, control) =>
      registerFrontend(server, { control, sessions: createAppSessions(control), origins: [app] }),
  });
});
afterEach(() => clerk.stop());

type Headers = Record<string, string>;

/** Not `fetch`, which does not let a caller set Host or Sec-Fetch-Site. */
function send(method: string, path: string, headers: Headers = {}, body = ""): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { "content-length": String(Buffer.byteLength(body)), ...headers } };
    const sent = request(new URL(path, clerk.url), options, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on("error", reject).end(body);
  });
}

const json = { "content-type": "application/json" };
const port = () => new URL(clerk.url).port;

describe("the host", () => {
  const routes: [method: string, path: string, headers?: Headers, body?: string][] = [
    ["GET", "/__sim/info"],
    ["GET", "/__sim/users/count"],
    ["POST", "/__sim/sessions/mintToken", json, '[{"userId":"user_x"}]'],
    ["GET", "/v1/users"],
    ["GET", "/v1/jwks"],
    ["GET", "/frontend/people", { origin: app }],
    ["OPTIONS", "/frontend/sign-ups", { origin: app }],
    ["GET", "/nothing-here"],
  ];
  test.each(routes)(
    "%s %s is refused for a foreign name, which may resolve to this machine",
    async (...route) => {
      const [method, path, headers = {}, body] = route;
      for (const host of [
        "elsewhere.example",
        `elsewhere.example:${port()}`,
        "127.0.0.1.elsewhere.example",
        "127.0.0.1@elsewhere.example",
        "[::1",
      ])
        expect(await send(method, path, { ...headers, host }, body)).toBe(403);
      const requests = await clerk.requests.list();
      expect(requests).toEqual([]);
    },
  );

  test("may be a loopback name or a configured one, with any port and in any case", async () => {
    for (const host of ["127.0.0.1", "localhost:3002", "LOCALHOST", "[::1]:1", "simulator.internal:80"])
      expect(await send("GET", "/__sim/users/count", { host })).toBe(200);
  });
});

describe("a foreign page", () => {
  const operations = Object.entries(controlArguments).flatMap(([group, names]) =>
    Object.keys(names).map((name) => `/__sim/${group}/${name}`),
  );

  test.each(operations)("cannot call %s", async (path) => {
    for (const origin of [foreign, "null", app, "http://localhost:1"])
      expect(await send("POST", path, { ...json, origin }, "[]")).toBe(403);
    for (const site of ["cross-site", "same-site"])
      for (const method of ["GET", "POST"])
        for (const mode of ["no-cors", "navigate"])
          expect(await send(method, path, { "sec-fetch-site": site, "sec-fetch-mode": mode })).toBe(403);
  });

  test("cannot call Clerk's API, even with the key", async () => {
    const authorization = `Bearer ${clerk.secretKey}`;
    expect(await send("POST", "/v1/users", { ...json, authorization, origin: foreign }, "{}")).toBe(403);
    expect(await send("POST", "/v1/users", { ...json, authorization }, "{}")).toBe(200);
  });

  test("may link to a page", async () => {
    const visit = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    // This simulator has no page: its 401 is Clerk's answer without a key.
    expect(await send("GET", "/", visit)).toBe(401);
  });
});

describe("an operation that changes state", () => {
  const changing = [
    "users/create",
    "users/seed",
    "sessions/mintToken",
    "webhooks/hold",
    "webhooks/send",
    "faults/heal",
    "requests/clear",
    "webhooks/drain",
    "webhooks/sign",
  ];

  test.each(changing)("%s is not run by GET or HEAD", async (operation) => {
    await clerk.users.create({}, { silent: true });
    const before = await clerk.history.list();
    for (const method of ["GET", "HEAD"]) expect(await send(method, `/__sim/${operation}`)).toBe(405);
    expect(await clerk.history.list()).toEqual(before);
  });

  test.each([
    ["no content type", {}],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["text", { "content-type": "text/plain" }],
    ["text that mentions JSON", { "content-type": "text/plain; application/json" }],
  ])("is not run by a POST with %s", async (_name, headers: Headers) => {
    for (const body of ["", "[]"]) expect(await send("POST", "/__sim/users/create", headers, body)).toBe(415);
    expect(await clerk.users.count()).toBe(0);
  });

  test("is run by the simulator's own page and by a program", async () => {
    for (const headers of [
      {},
      { origin: clerk.url },
      { host: "localhost:80", origin: "http://localhost:80" },
    ])
      expect(await send("POST", "/__sim/users/create", { ...json, ...headers }, "[]")).toBe(200);
    expect(await clerk.users.count()).toBe(3);
  });
});
