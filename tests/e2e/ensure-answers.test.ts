import { generateKeyPairSync } from "node:crypto";
import { errorBody } from "@rollcall/contracts";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnOneBackend } from "../harness/backends.ts";
import { callEnsure, ensure, ensureAgain, readRows, untilProfile } from "../harness/calls.ts";
import { origin, type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const userId = "user_tokens";
  const tokens: [string, () => Promise<string | undefined>][] = [
    ["no token", async () => undefined],
    ["a word", async () => "nonsense"],
    ["an expired token", () => system.clerk.sessions.mintToken({ userId, azp: origin, expiresInS: -6 })],
    [
      "a token for another party",
      () => system.clerk.sessions.mintToken({ userId, azp: "https://evil.example" }),
    ],
    [
      "a token from the future",
      () =>
        system.clerk.sessions.mintToken({
          userId,
          azp: origin,
          overrides: { iat: Math.floor(Date.now() / 1_000) + 30 },
        }),
    ],
    [
      "a token whose session is in an unknown state",
      () => system.clerk.sessions.mintToken({ userId, azp: origin, overrides: { sts: "suspended" } }),
    ],
    [
      "a token without session, as a JWT template makes",
      () => system.clerk.sessions.mintToken({ userId, azp: origin, omit: ["sid"] }),
    ],
    ["a token without expiry", () => system.clerk.sessions.mintToken({ userId, azp: origin, omit: ["exp"] })],
    [
      "a token whose subject is no user",
      () => system.clerk.sessions.mintToken({ userId: "org_1", azp: origin }),
    ],
    [
      "an unsigned token",
      async () => unsigned(await system.clerk.sessions.mintToken({ userId, azp: origin })),
    ],
    ["a token signed with HS256 and the public key", async () => hs256(userId, system.clerk.jwtKey)],
    ["a token signed by another key", async () => foreign(userId)],
  ];

  test.each(tokens)("401 unauthenticated for %s", async (_what, mint) => {
    const token = await mint();
    const answer = await callEnsure(system, token === undefined ? {} : { authorization: `Bearer ${token}` });
    expect(answer).toMatchObject({ status: 401, body: { error: { code: "unauthenticated" } } });
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("a token that expired within the tolerance still counts", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const token = await system.clerk.sessions.mintToken({ userId: person.id, azp: origin, expiresInS: -1 });
    expect((await callEnsure(system, { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  test.each(["not json", '{"userId":5}', "[]", '"x"'])("400 for the body %s", async (body) => {
    const answer = await ensure(system, userId, { body, headers: { "content-type": "application/json" } });
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "request.malformed" } } });
  });

  test("401 comes before 400, so that a caller without a session gets no answer about its body", async () => {
    const answer = await callEnsure(system, { "content-type": "application/json" }, "not json");
    expect(answer.status).toBe(401);
  });

  test("403 for a body that names another user", async () => {
    const answer = await ensure(system, userId, {
      body: '{"userId":"user_another"}',
      headers: { "content-type": "application/json" },
    });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: "user.forbidden" } } });
  });

  test("200 for a body that names the same user or no user", async () => {
    const person = await system.clerk.users.create();
    const headers = { "content-type": "application/json" };
    for (const body of [`{"userId":"${person.id}"}`, "{}", ""]) {
      expect((await ensureAgain(system, person.id, { body, headers })).status).toBe(200);
    }
  });

  test.each<[string, RequestInit]>([
    ["application/x-www-form-urlencoded", { body: "" }],
    ["multipart/form-data", { body: "" }],
    ["multipart/form-data; boundary=x", { body: "" }],
    ["text/plain;charset=UTF-8", { body: "" }],
    ["application/json", { body: "" }],
    ["no type at all;;", { body: "" }],
    ["text/plain", { body: emptyChunks(), duplex: "half" } as RequestInit],
    ["", { body: emptyChunks(), duplex: "half" } as RequestInit],
  ])("an empty body of type %j is no body", async (type, body) => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const token = await system.clerk.sessions.mintToken({ userId: person.id, azp: origin });
    const headers = { authorization: `Bearer ${token}`, ...(type === "" ? {} : { "content-type": type }) };
    const answer = await fetch(`${system.apiUrl}/api/ensure`, { method: "POST", headers, ...body });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test.each(["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])(
    "415 for a body of type %s",
    async (type) => {
      const answer = await ensure(system, userId, { body: "a=b", headers: { "content-type": type } });
      expect(answer).toMatchObject({
        status: 415,
        body: { error: { code: "request.unsupported_media_type" } },
      });
    },
  );

  test("403 while the session is pending", async () => {
    const token = await system.clerk.sessions.mintToken({ userId, azp: origin, sts: "pending" });
    const answer = await callEnsure(system, { authorization: `Bearer ${token}` });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: "session.pending" } } });
  });

  test("while organizations are off, the answer to a token with an active one has no such key", async () => {
    const { id: userId } = await system.clerk.users.create();
    await untilProfile(system, userId);
    const organization = { id: "org_any", slug: "any", role: "org:admin" };
    const token = await system.clerk.sessions.mintToken({ userId, azp: origin, organization });
    const { status, body } = await callEnsure(system, { authorization: `Bearer ${token}` });
    expect([status, Object.keys(body as object)]).toEqual([200, ["success", "created", "user", "mentorado"]]);
  });

  test("403 for a banned user, who gets no profile", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    await system.clerk.users.ban(person.id);
    expect(await ensureAgain(system, person.id)).toMatchObject({
      status: 403,
      body: { error: { code: "user.banned" } },
    });
    expect((await readRows(system, person.id)).mentorados).toEqual([]);
  });

  test("200 with a null mentorado for an admin", async () => {
    const person = await system.clerk.users.create({ publicMetadata: { role: "admin" } });
    expect(await ensureAgain(system, person.id)).toMatchObject({
      status: 200,
      body: { success: true, user: { role: "admin" }, mentorado: null },
    });
  });

  test("410 for a deleted user", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    await system.clerk.users.delete(person.id);
    const answer = await waitFor("the tombstone", async () => {
      const now = await ensure(system, person.id);
      return now.status === 200 ? undefined : now;
    });
    expect(answer).toMatchObject({ status: 410, body: { error: { code: "user.deleted" } } });
  });

  test("404 user.unknown when Clerk has no such user", async () => {
    expect(await ensureAgain(system, "user_unknown")).toMatchObject({
      status: 404,
      body: { error: { code: "user.unknown" } },
    });
  });

  test("202 pending when the profile is not there within the deadline, and 200 later", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const fault = await system.clerk.faults.add({ kind: "hang" });
    const answer = await ensure(system, person.id);
    expect(answer).toMatchObject({ status: 202, body: { success: false, status: "pending" } });
    expect(answer.headers.get("retry-after")).toBe("1");
    await system.clerk.faults.remove(fault);
    await untilProfile(system, person.id);
    expect(await ensure(system, person.id)).toMatchObject({ status: 200, body: { created: false } });
  });

  describe("messages are translated", () => {
    test.each([
      ["pt-BR", "Entre na sua conta para continuar."],
      ["pt", "Entre na sua conta para continuar."],
      ["en-GB,en;q=0.8", "Please sign in to continue."],
      ["fr", "Entre na sua conta para continuar."],
    ])("into the language of Accept-Language %s", async (language, message) => {
      const answer = await callEnsure(system, { "accept-language": language });
      expect(answer.body).toMatchObject({ error: { message }, requestId: expect.any(String) });
    });
  });

  test.each(["/%E0%A4%A", "/api/ensure%", "/admin/%FF"])(
    "%s is no URL: 400 by the error contract, and the answer does not quote it",
    async (path) => {
      const headers = { "accept-language": "en" };
      const answer = await fetch(`${system.apiUrl}${path}?secret=c4nary`, { headers });
      const text = await answer.text();
      expect(answer.status).toBe(400);
      expect(errorBody.parse(JSON.parse(text)).error.code).toBe("request.malformed");
      expect(text).not.toMatch(/%|c4nary/);
    },
  );

  test("the metric of a refusal has the label of the path that found it", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    await system.clerk.users.ban(person.id);
    await ensureAgain(system, person.id);
    const count = async () => {
      const text = await (await fetch(`${system.apiUrl}/metrics`)).text();
      return Number(/rollcall_ensure_seconds_count\{path="row"\} (\d+)/.exec(text)?.[1] ?? 0);
    };
    const before = await count();
    expect((await ensure(system, person.id)).status).toBe(403);
    expect(await count()).toBe(before + 1);
  });

  test("CORS lets only the app read the answer and Retry-After", async () => {
    const preflight = (from: string) =>
      fetch(`${system.apiUrl}/api/ensure`, {
        method: "OPTIONS",
        headers: { origin: from, "access-control-request-method": "POST" },
      });
    const allowed = await preflight(origin);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
    const elsewhere = await fetch(`${system.apiUrl}/api/anything`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
    expect(elsewhere.status).toBe(404);
    const answer = await callEnsure(system, { origin });
    expect(answer.headers.get("access-control-expose-headers")).toContain("retry-after");
  });
});

test("after 3000 refused calls in a minute an address gets 429 that its page can read; good calls never count", async () => {
  const system = await startSystem({ backend: "postgres" });
  const people = await Promise.all(Array.from({ length: 12 }, () => system.clerk.users.create()));
  await Promise.all(people.map((person) => untilProfile(system, person.id)));
  async function call(headers: Record<string, string>, calls: number): Promise<number[]> {
    const statuses: number[] = [];
    // Together, so that a busy machine takes no minute for them.
    for (let from = 0; from < calls; from += 50) {
      const answers = Array.from({ length: Math.min(50, calls - from) }, (_, index) =>
        // No one trusts this header unless TRUST_PROXY says so: a caller cannot be another one each time.
        callEnsure(system, { ...headers, "x-forwarded-for": `10.0.0.${from + index}` }),
      );
      statuses.push(...(await Promise.all(answers)).map((answer) => answer.status));
    }
    return statuses;
  }
  const tokens = await Promise.all(
    people.map((person) => system.clerk.sessions.mintToken({ userId: person.id, azp: origin })),
  );
  for (const token of tokens.slice(0, 11)) {
    expect(new Set(await call({ authorization: `Bearer ${token}` }, 290))).toEqual(new Set([200]));
  }
  expect(new Set(await call({}, 3_001))).toEqual(new Set([401]));
  const refused = await callEnsure(system, { authorization: `Bearer ${tokens[11]}`, origin });
  expect(refused).toMatchObject({ status: 429, body: { error: { code: "request.rate_limited" } } });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  // A refused probe would end a healthy process, and an operator must get in to see what happens.
  expect((await fetch(`${system.apiUrl}/healthz`)).status).toBe(200);
  expect((await fetch(`${system.apiUrl}/readyz`)).status).toBe(200);
  expect((await callAdmin(system, "/api/admin/alerts")).status).toBe(200);
  await system.stop();
});

test("with ENABLE_AUTO_CREATE=false a user is ready without a profile", async () => {
  const system = await startSystem({ backend: "postgres", environment: { ENABLE_AUTO_CREATE: "false" } });
  const person = await system.clerk.users.create();
  expect(await ensureAgain(system, person.id)).toMatchObject({ status: 200, body: { mentorado: null } });
  await system.stop();
});

function emptyChunks(): ReadableStream {
  return new ReadableStream({ start: (controller) => controller.close() });
}

function unsigned(token: string): string {
  const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
  return `${header}.${token.split(".")[1]}.`;
}

async function hs256(userId: string, publicKey: string): Promise<string> {
  return claims(new SignJWT({ sid: "sess_1", azp: origin }), userId)
    .setProtectedHeader({ alg: "HS256" })
    .sign(Buffer.from(publicKey));
}

async function foreign(userId: string): Promise<string> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return claims(new SignJWT({ sid: "sess_1", azp: origin }), userId)
    .setProtectedHeader({ alg: "RS256" })
    .sign(privateKey);
}

function claims<T extends SignJWT>(jwt: T, userId: string) {
  return jwt.setSubject(userId).setIssuedAt().setExpirationTime("1m");
}
