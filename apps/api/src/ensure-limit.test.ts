import { generateKeyPairSync } from "node:crypto";
import { createLogger } from "@rollcall/observability";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildApp } from "./app.ts";
import { readApiConfig } from "./config.ts";
import { type ApiContext, createApiContext } from "./context.ts";

/** An admin is ready without a profile. */
const admin = (clerkId: string) => ({
  ...{ id: 1, clerkId, email: null, emailVerified: false, name: null, imageUrl: null },
  ...{ role: "admin", roleSource: "clerk", tier: "FREE", banned: false, readTicket: 1, deletedAt: null },
  ...{ clerkCreatedAt: null, clerkUpdatedAt: null },
  ...{ createdAt: "2026-01-01T00:00:00.000Z", updatedAt: "2026-01-01T00:00:00.000Z" },
});

let context: ApiContext;
let app: Awaited<ReturnType<typeof buildApp>>;
beforeAll(async () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const config = readApiConfig({
    // No server listens there: every user is in the cache.
    DATABASE_URL: "postgres://user@127.0.0.1:1/nothing",
    CLERK_JWT_KEY: publicKey.export({ type: "spki", format: "pem" }).toString(),
    CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
  });
  const real = createApiContext(config, createLogger({ level: "silent", process: "api" }));
  context = {
    ...real,
    // The token is the id: this test is not about tokens, and signing thousands takes seconds.
    verifySession: async (clerkId) => ({ clerkId, sessionId: "sess_1", clerkOrgId: null, pending: false }),
    ensure: {
      ...real.ensure,
      sessionCache: {
        ...real.ensure.sessionCache,
        read: async (clerkId) => ({ hit: { user: admin(clerkId), mentorado: null } }),
      },
    },
  };
  app = await buildApp(context);
});
afterAll(async () => {
  await app?.close();
  await context?.close();
});

async function call(clerkId: string) {
  const headers = { authorization: `Bearer ${clerkId}` };
  return app.inject({ method: "POST", url: "/api/ensure", headers });
}

test("a user has 300 calls a minute, and 5,001 other users do not erase the count", async () => {
  for (let turn = 0; turn < 300; turn++) expect((await call("user_busy")).statusCode).toBe(200);
  for (let other = 0; other < 5_001; other++) expect((await call(`user_${other}`)).statusCode).toBe(200);
  const refused = await call("user_busy");
  expect([refused.statusCode, refused.json().error.code]).toEqual([429, "request.rate_limited"]);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
});
