import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Request } from "express";
import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import { provisioned } from "./express.ts";
import { createRollcallClient } from "./rollcall-client.ts";
import { type EnsureServer, failure, ready, startEnsureServer } from "./testing/ensure-server.ts";
import type { Mentorado, User } from "./wire.ts";

let rollcall: EnsureServer;
let server: Server;
beforeEach(async () => {
  rollcall = await startEnsureServer();
  const app = createApp(rollcall.url);
  server = createServer(app);
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rollcall.stop();
});

/** What Clerk's verifyToken throws for a key that it cannot read. */
const keyFault = Object.assign(new Error("of ana@example.com"), { reason: "token-verification-failed" });

/** Replaces the verification of session tokens in an app. */
function getAuth(req: Request) {
  const userId = req.headers.authorization?.replace("Bearer token of ", "") ?? null;
  return { userId, getToken: async () => `token of ${userId}` };
}

function createApp(baseUrl: string) {
  const client = createRollcallClient({ baseUrl, retryDelaysMs: [], locale: "en" });
  const mentorado = provisioned({ client, identify: getAuth });
  const known = provisioned({
    client,
    identify: getAuth,
    find: async (clerkId) => {
      if (clerkId === "user_broken") throw new Error("relation does not exist");
      return { user: { clerkId, banned: false, deletedAt: null, level: 3 }, mentorado: { cohort: "b" } };
    },
  });
  const app = express();
  app.get("/whoami", mentorado, (req, res) => {
    const profile = mentorado.of(req);
    expectTypeOf(profile).toExtend<{ user: User; mentorado: Mentorado }>();
    res.json({
      attached: "rollcall" in req && req.rollcall === profile,
      name: profile.mentorado.nomeCompleto,
    });
  });
  app.get("/level", known, (req, res) => {
    expectTypeOf(known.of(req).mentorado).toEqualTypeOf<{ cohort: string }>();
    res.json(known.of(req).user.level);
  });
  app.get("/unguarded", (req, res) => {
    res.json(mentorado.of(req));
  });
  const fail: express.ErrorRequestHandler = (error: Error, _req, res, _next) => {
    res.status(500).json({ app: error.message });
  };
  return app.use(fail);
}

function get(path: string, userId?: string): Promise<Response> {
  const { port } = server.address() as AddressInfo; // It listens on TCP.
  const headers = userId === undefined ? {} : { authorization: `Bearer token of ${userId}` };
  return fetch(`http://127.0.0.1:${port}${path}`, { headers });
}

test("a handler finds user and profile on the request", async () => {
  rollcall.will(ready("user_ana"));
  const answer = await get("/whoami", "user_ana");
  expect(await answer.json()).toEqual({ attached: true, name: "Profile of user_ana" });
});

test("a user in the app's database is served while Rollcall is down", async () => {
  await rollcall.stop();
  expect(await (await get("/level", "user_ana")).json()).toBe(3);
});

test("a request without a user gets 401, in the client's language", async () => {
  const answer = await get("/whoami");
  expect(answer.status).toBe(401);
  expect(await answer.json()).toEqual({
    error: { code: "unauthenticated", message: "Please sign in to continue." },
  });
});

test("a refused user gets 403, and no handler runs", async () => {
  rollcall.will(failure(403, "user.banned"));
  const answer = await get("/whoami", "user_ana");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([403, null]);
  expect(await answer.json()).toMatchObject({ error: { code: "user.banned" } });
});

test("while Rollcall is away the answer is 503 with Retry-After, and is not cached", async () => {
  rollcall.will(failure(503, "queue.unavailable", { "retry-after": "3" }));
  const answer = await get("/whoami", "user_ana");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "3"]);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(await answer.json()).toMatchObject({ error: { code: "unavailable" } });
});

const identifyFailing = (error: Error) => () => {
  throw error;
};
const failWith = async (error: Error) => {
  const warnings: string[] = [];
  const client = createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [], locale: "en" });
  const warn = (problem: string) => warnings.push(problem);
  const mentee = provisioned({ client, warn, identify: identifyFailing(error) });
  const app = express().get("/", mentee);
  const fail: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(418).end("{}");
  const failing = createServer(app.use(fail));
  await once(failing.listen(0, "127.0.0.1"), "listening");
  const { port } = failing.address() as AddressInfo; // It listens on TCP.
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  const { error: body } = (await answer.json()) as { error?: { code: string; message: string } };
  failing.close();
  failing.closeAllConnections();
  return { status: answer.status, ...body, warnings };
};

test.each([
  ["Clerk", { reason: "token-expired" }],
  ["jose", { code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" }],
  ["jsonwebtoken", { name: "TokenExpiredError" }],
])("a token that identify refuses by an error of %s gets 401, and no warning", async (_, fields) => {
  const answer = await failWith(Object.assign(new Error("of ana@example.com"), fields));
  expect(answer).toEqual({
    ...{ status: 401, code: "unauthenticated", message: "Please sign in to continue." },
    warnings: [],
  });
});

test("a fault of identify gets 503 without its message, and the warning names the function", async () => {
  for (const fault of [new TypeError("of ana@example.com"), keyFault]) {
    const { warnings, ...answer } = await failWith(fault);
    expect(answer).toMatchObject({ status: 503, code: "unavailable" });
    expect(JSON.stringify(answer)).not.toContain("ana@");
    expect(warnings).toEqual([
      expect.stringMatching(/identify\(\) threw (Type)?Error at .*express\.test\.ts:\d+/),
    ]);
  }
});

test("an error of identify that states its own answer goes to the app's error handler", async () => {
  expect(await failWith(Object.assign(new Error("gone"), { statusCode: 410 }))).toEqual({
    ...{ status: 418, warnings: [] },
  });
});

test("an error of the app goes to the app's error handler", async () => {
  expect(await (await get("/level", "user_broken")).json()).toEqual({ app: "relation does not exist" });
  expect(await (await get("/unguarded", "user_ana")).json()).toMatchObject({
    app: expect.stringContaining("provisioned()"),
  });
});
