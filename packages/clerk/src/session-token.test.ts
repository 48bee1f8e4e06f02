import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSessionVerifier, type SessionVerifier } from "./session-token.ts";

const azp = "https://app.example.com";
let clerk: ClerkSimulator;
let verify: SessionVerifier;

beforeAll(async () => {
  clerk = await startClerkSimulator();
  verify = createSessionVerifier({ jwtKey: clerk.jwtKey, authorizedParties: [azp] });
});
afterAll(() => clerk.stop());

test("a session token names user and session", async () => {
  const token = await clerk.sessions.mintToken({ userId: "user_1", azp, sid: "sess_1" });
  expect(await verify(token)).toEqual({ clerkId: "user_1", sessionId: "sess_1", pending: false });
});

test("a token of a pending session is marked as pending", async () => {
  const token = await clerk.sessions.mintToken({ userId: "user_1", azp, sts: "pending" });
  expect(await verify(token)).toMatchObject({ pending: true });
});

test("a remembered token still expires", async () => {
  const token = await clerk.sessions.mintToken({ userId: "user_1", azp, expiresInS: -2 });
  await verify(token);
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  await expect(verify(token)).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a refused token is not remembered as verified, and a changed token does not match a remembered one", async () => {
  const token = await clerk.sessions.mintToken({ userId: "user_1", azp });
  await verify(token);
  const [header = "", payload = "", signature = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: "user_2" })).toString("base64url");
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(verify(`${header}.${forged}.${signature}`)).rejects.toMatchObject({
      code: "unauthenticated",
    });
  }
});

test("during a rotation tokens of both keys are accepted, and tokens of a third key are not", async () => {
  const [next, stranger] = await Promise.all([startClerkSimulator(), startClerkSimulator()]);
  const both = createSessionVerifier({
    jwtKey: `${clerk.jwtKey.trim()}\n${next.jwtKey}`,
    authorizedParties: [azp],
  });
  for (const issuer of [clerk, next]) {
    const token = await issuer.sessions.mintToken({ userId: "user_1", azp });
    expect(await both(token)).toMatchObject({ clerkId: "user_1" });
    const expired = await issuer.sessions.mintToken({ userId: "user_1", azp, expiresInS: -60 });
    await expect(both(expired)).rejects.toMatchObject({ code: "unauthenticated" });
  }
  const forged = await stranger.sessions.mintToken({ userId: "user_1", azp });
  await expect(both(forged)).rejects.toMatchObject({ code: "unauthenticated" });
  await Promise.all([next.stop(), stranger.stop()]);
});

test("a key that is no public key fails at configuration, not at the first login", () => {
  expect(() => createSessionVerifier({ jwtKey: "nonsense", authorizedParties: [azp] })).toThrow();
});
