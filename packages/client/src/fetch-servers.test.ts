import Fastify, { type FastifyRequest } from "fastify";
import { type Context, Hono } from "hono";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import * as fastify from "./fastify.ts";
import * as hono from "./hono.ts";
import { createRollcallClient } from "./rollcall-client.ts";
import { type EnsureServer, failure, ready, startEnsureServer } from "./testing/ensure-server.ts";
import type { Mentorado, User } from "./wire.ts";

let rollcall: EnsureServer;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  rollcall = await startEnsureServer();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await rollcall.stop();
});

/** Replaces the verification of session tokens in an app. */
function readCaller(authorization: string | null | undefined) {
  const userId = authorization?.replace("Bearer token of ", "") ?? null;
  return { userId, getToken: async () => `token of ${userId}` };
}

const findLevel = async (clerkId: string) => {
  if (clerkId === "user_broken") throw new Error("relation does not exist");
  return { user: { clerkId, banned: false, deletedAt: null, level: 3 }, mentorado: { cohort: "b" } };
};

const createClient = () => createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [], locale: "en" });

type Ask = (path: string, headers: Record<string, string>) => Promise<Response>;

async function startFastify(): Promise<Ask> {
  const identify = ({ headers }: FastifyRequest) => readCaller(headers.authorization);
  const mentee = fastify.provisioned({ client: createClient(), identify });
  const known = fastify.provisioned({ client: createClient(), identify, find: findLevel });
  const app = Fastify();
  app.get("/whoami", { preHandler: mentee }, async (request) => {
    expectTypeOf(mentee.of(request)).toExtend<{ user: User; mentorado: Mentorado }>();
    return { name: mentee.of(request).mentorado.nomeCompleto };
  });
  app.get("/level", { onRequest: known }, async (request) => {
    expectTypeOf(known.of(request).mentorado).toEqualTypeOf<{ cohort: string }>();
    return { level: known.of(request).user.level };
  });
  app.get("/unguarded", async (request) => mentee.of(request));
  app.setErrorHandler<Error>((error, _request, reply) => reply.code(500).send({ app: error.message }));
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  closers.push(() => app.close());
  return (path, headers) => fetch(url + path, { headers });
}

async function startHono(): Promise<Ask> {
  const identify = (c: Context) => readCaller(c.req.header("authorization"));
  const mentee = hono.provisioned({ client: createClient(), identify });
  const known = hono.provisioned({ client: createClient(), identify, find: findLevel });
  const app = new Hono();
  app.get("/whoami", mentee, (c) => {
    expectTypeOf(mentee.of(c)).toExtend<{ user: User; mentorado: Mentorado }>();
    return c.json({ name: mentee.of(c).mentorado.nomeCompleto });
  });
  app.get("/level", known, (c) => c.json({ level: known.of(c).user.level }));
  app.get("/unguarded", (c) => c.json(mentee.of(c)));
  app.onError((error, c) => c.json({ app: error.message }, 500));
  return async (path, headers) => app.request(path, { headers });
}

describe.each([
  ["Fastify", startFastify],
  ["Hono", startHono],
])("%s", (_, start) => {
  let ask: (path: string, userId?: string) => Promise<Response>;
  beforeEach(async () => {
    const app = await start();
    ask = (path, userId) =>
      app(path, userId === undefined ? {} : { authorization: `Bearer token of ${userId}` });
  });

  test("a handler gets user and profile of its request", async () => {
    rollcall.will(ready("user_ana"));
    expect(await (await ask("/whoami", "user_ana")).json()).toEqual({ name: "Profile of user_ana" });
  });

  test("a user in the app's database is served while Rollcall is down", async () => {
    await rollcall.stop();
    expect(await (await ask("/level", "user_ana")).json()).toEqual({ level: 3 });
  });

  test("a request without a user gets 401, in the client's language", async () => {
    const answer = await ask("/whoami");
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({
      error: { code: "unauthenticated", message: "Please sign in to continue." },
    });
  });

  test("a refused user gets 403, and no handler runs", async () => {
    rollcall.will(failure(403, "user.banned"));
    const answer = await ask("/whoami", "user_ana");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([403, null]);
    expect(await answer.json()).toMatchObject({ error: { code: "user.banned" } });
  });

  test("while Rollcall is away the answer is 503 with Retry-After, and is not cached", async () => {
    rollcall.will(failure(503, "queue.unavailable", { "retry-after": "3" }));
    const answer = await ask("/whoami", "user_ana");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "3"]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  test("an error of the app goes to the app's error handler", async () => {
    expect(await (await ask("/level", "user_broken")).json()).toEqual({ app: "relation does not exist" });
    expect(await (await ask("/unguarded", "user_ana")).json()).toMatchObject({
      app: expect.stringContaining("provisioned()"),
    });
  });
});

test("a handler of any Fetch server is wrapped", async () => {
  rollcall.will(ready("user_ana"), failure(403, "user.banned"));
  const identify = (request: Request) => readCaller(request.headers.get("authorization"));
  const handle = hono.withProvisioned(
    { client: createClient(), identify },
    (request, { mentorado }, more: string) =>
      Response.json([new URL(request.url).pathname, mentorado.nomeCompleto, more]),
  );
  expectTypeOf(handle).parameters.toEqualTypeOf<[Request, string]>();
  const ask = () =>
    handle(
      new Request("https://app.example.com/goals", {
        headers: { authorization: "Bearer token of user_ana" },
      }),
      "x",
    );
  expect(await (await ask()).json()).toEqual(["/goals", "Profile of user_ana", "x"]);
  expect((await ask()).status).toBe(403);
});
