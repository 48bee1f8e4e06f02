import { generateKeyPairSync } from "node:crypto";
import { createLogger } from "@rollcall/observability";
import type { FastifyInstance } from "fastify";
import { afterEach, expect, test } from "vitest";
import { buildApp } from "../../app.ts";
import { readApiConfig } from "../../config.ts";
import { createApiContext } from "../../context.ts";

const password = "correct horse battery staple";
const publicKey = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .publicKey.export({ type: "spki", format: "pem" })
  .toString();

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

async function start(environment: Record<string, string> = {}): Promise<FastifyInstance> {
  const config = readApiConfig({
    // No server listens there, and no test here gets as far as a database.
    DATABASE_URL: "postgres://user@127.0.0.1:1/nothing",
    CLERK_JWT_KEY: publicKey,
    CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
    ADMIN_PASSWORD: password,
    ...environment,
  });
  const context = createApiContext(config, createLogger({ level: "silent", process: "api" }));
  const app = await buildApp(context);
  close = async () => {
    await app.close();
    await context.close();
  };
  return app;
}

type Caller = { remoteAddress?: string; forwardedFor?: string };

async function call(
  app: FastifyInstance,
  secret: string,
  caller: Caller = {},
  path = "/api/admin/openapi.json",
) {
  const answer = await app.inject({
    url: path,
    remoteAddress: caller.remoteAddress ?? "127.0.0.1",
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${secret}`).toString("base64")}`,
      ...(caller.forwardedFor === undefined ? {} : { "x-forwarded-for": caller.forwardedFor }),
    },
  });
  return { status: answer.statusCode, retryAfter: answer.headers["retry-after"] };
}

const forms: [string, (attempt: number) => Caller][] = [
  ["behind a proxy that adds a port", (attempt) => ({ forwardedFor: `203.0.113.8:${40_000 + attempt}` })],
  [
    "behind a proxy that adds brackets and a port",
    (attempt) => ({ forwardedFor: `[2001:db8::8]:${40_000 + attempt}` }),
  ],
  ["with all addresses of an IPv6 /64", (attempt) => ({ forwardedFor: `2001:db8::${attempt}:8` })],
  [
    "written as IPv4 and inside IPv6",
    (attempt) => ({ forwardedFor: attempt % 2 ? "::ffff:203.0.113.8" : "203.0.113.8" }),
  ],
];

test.each(forms)(
  "one address %s guesses 20 times a minute, and is answered 429 from then on",
  async (_how, from) => {
    const app = await start({ TRUST_PROXY: "127.0.0.1" });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 30; attempt++) {
      const path = attempt % 2 === 0 ? "/api/admin/openapi.json" : "/admin/queues";
      statuses.push((await call(app, "a guess", from(attempt), path)).status);
    }
    expect(statuses).toEqual([...Array(20).fill(401), ...Array(10).fill(429)]);
    expect(Number((await call(app, "a guess", from(99))).retryAfter)).toBeGreaterThan(0);
  },
);

test("the right password passes while others guess from the same address, and from any other", async () => {
  const app = await start();
  for (let attempt = 0; attempt < 60; attempt++) await call(app, "a guess");
  expect((await call(app, password)).status).toBe(200);
  expect((await call(app, password, {}, "/admin/queues")).status).toBe(200);
  expect((await call(app, password, { remoteAddress: "203.0.113.9" })).status).toBe(200);
  expect((await call(app, "a guess")).status).toBe(429);
});

test("of many guesses at once, no more are answered 401 than one after the other, and the right one passes", async () => {
  const app = await start();
  const guesses = Array.from({ length: 100 }, () => call(app, "a guess"));
  const right = call(app, password);
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(20);
  expect((await right).status).toBe(200);
});

test("5,000 other addresses do not erase a guesser's count", async () => {
  const app = await start();
  const guess = () => call(app, "a guess", { remoteAddress: "203.0.113.8" });
  for (let attempt = 0; attempt < 20; attempt++) expect((await guess()).status).toBe(401);
  const others = Array.from({ length: 5_001 }, (_, other) =>
    call(app, "a guess", { remoteAddress: `10.0.${other >> 8}.${other & 255}` }),
  );
  await Promise.all(others);
  expect((await guess()).status).toBe(429);
});

test("guesses from many addresses are slowed down together", async () => {
  const app = await start();
  const guessFrom = (other: number) =>
    call(app, "a guess", { remoteAddress: `10.0.${other >> 8}.${other & 255}` });
  for (let other = 0; other < 100; other++) await guessFrom(other);
  let answered = 0;
  const others = Array.from({ length: 200 }, async (_, other) => {
    await guessFrom(1_000 + other);
    answered++;
  });
  // Turns of the event loop, in which attempts that wait for no timer are all answered.
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  expect(answered).toBeLessThan(200);
  await Promise.all(others);
});

test("guesses at the login and by Basic share one count, and the right password still logs in", async () => {
  const app = await start();
  const logIn = (secret: string) =>
    app.inject({ method: "POST", url: "/admin/login", payload: { name: "admin", password: secret } });
  const statuses: number[] = [];
  for (let attempt = 0; attempt < 22; attempt++) {
    statuses.push(
      attempt % 2 === 0 ? (await logIn("a guess")).statusCode : (await call(app, "a guess")).status,
    );
  }
  expect(statuses).toEqual([...Array(20).fill(401), 429, 429]);
  const refused = await logIn("a guess");
  expect([refused.statusCode, Number(refused.headers["retry-after"]) > 0]).toEqual([429, true]);
  // Postgres is away here. With the right password, the answer says so.
  expect((await logIn(password)).statusCode).toBe(503);
});

test("a request without a password does not count as a guess", async () => {
  const app = await start();
  for (let attempt = 0; attempt < 30; attempt++) {
    expect((await app.inject("/api/admin/openapi.json")).statusCode).toBe(401);
  }
  expect((await call(app, "a guess")).status).toBe(401);
});
