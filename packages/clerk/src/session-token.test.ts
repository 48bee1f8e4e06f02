import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSessionVerifier, SessionRefusal, type SessionVerifier } from "./session-token.ts";

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
  expect(await verify(token)).toEqual({
    clerkId: "user_1",
    sessionId: "sess_1",
    clerkOrgId: null,
    pending: false,
  });
});

test.each<[string, Parameters<ClerkSimulator["sessions"]["mintToken"]>[0]["overrides"], string | null]>([
  ["version 2", { o: { id: "org_1", rol: "admin", slg: "acme" } }, "org_1"],
  ["version 1", { v: undefined, org_id: "org_1", org_role: "org:admin" }, "org_1"],
  ["version 2, personal account", {}, null],
  ["version 2 with a claim of version 1", { org_id: "org_1" }, null],
  ["version 2 without a readable id", { o: { id: 5 } }, null],
  ["version 1 without a readable id", { v: 1, org_id: "user_1" }, null],
])("a token names its active organization: %s", async (_case, overrides, clerkOrgId) => {
  const token = await clerk.sessions.mintToken({ userId: "user_1", azp, overrides });
  expect(await verify(token)).toMatchObject({ clerkId: "user_1", clerkOrgId });
});

test("a token of a pending session is marked as pending", async () => {
  const token = await clerk.sessions.mintToken({ userId: "user_1", azp, sts: "pending" });
  expect(await verify(token)).toMatchObject({ pending: true });
});

const seconds = () => Math.floor(Date.now() / 1_000);
const mint = (more: Partial<Parameters<ClerkSimulator["sessions"]["mintToken"]>[0]>) =>
  clerk.sessions.mintToken({ userId: "user_1", azp, ...more });

/** The refusal of a token. @throws Error when it is accepted */
async function refusalOf(token: string, verifier = verify): Promise<SessionRefusal> {
  const refusal = await verifier(token).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(refusal instanceof SessionRefusal)) throw new Error("The token was not refused", { cause: refusal });
  return refusal;
}

describe("a refused token has one code for the caller, and a reason for operators", () => {
  const tokens: [string, () => Promise<string>][] = [
    ["malformed", async () => "nonsense"],
    ["malformed", () => mint({ omit: ["exp"] })],
    ["malformed", () => mint({ omit: ["iat"] })],
    ["malformed", () => mint({ userId: "org_1" })],
    ["malformed", () => mint({ overrides: { iat: "now" } })],
    [
      "algorithm",
      () => new SignJWT({ sid: "sess_1", azp }).setProtectedHeader({ alg: "HS256" }).sign(Buffer.alloc(32)),
    ],
    ["signature", async () => `${(await mint({})).split(".").slice(0, 2).join(".")}.AAAA`],
    ["expired", () => mint({ expiresInS: -6 })],
    ["not_yet_valid", () => mint({ overrides: { nbf: seconds() + 60 } })],
    ["not_yet_valid", () => mint({ overrides: { iat: seconds() + 60, exp: seconds() + 120 } })],
    ["no_sid", () => mint({ omit: ["sid"] })],
    ["no_sid", () => mint({ overrides: { sid: "" } })],
    ["no_sid", () => mint({ overrides: { sid: 5 } })],
    ["azp", () => mint({ azp: "https://evil.example" })],
    ["azp", () => mint({ overrides: { azp: null } })],
    ["azp", () => mint({ overrides: { azp: "" } })],
    ["azp", () => mint({ overrides: { azp: [azp] } })],
    ["sts", () => mint({ overrides: { sts: "suspended" } })],
    ["sts", () => mint({ overrides: { sts: null } })],
  ];
  test.each(tokens)("%s", async (reason, make) => {
    expect(await refusalOf(await make())).toMatchObject({ code: "unauthenticated", reason });
  });

  test("a clock that is 4 s behind Clerk's refuses no token", async () => {
    const token = await mint({ overrides: { iat: seconds() + 4, nbf: seconds() + 4 } });
    expect(await verify(token)).toMatchObject({ clerkId: "user_1" });
  });

  test("the azp is kept only if it has the form of an origin, so that no log line holds text of a stranger", async () => {
    const evil = "https://evil.example";
    expect((await refusalOf(await mint({ azp: evil }))).party).toBe(evil);
    for (const text of [
      "\u001b[31mred",
      "a\nb",
      "https://x.example/\u202e",
      `https://${"x".repeat(300)}.example`,
    ])
      expect((await refusalOf(await mint({ azp: text }))).party).toBeUndefined();
  });
});

describe("a token without azp", () => {
  test("is refused with a code of its own, which names the setting", async () => {
    const refusal = await refusalOf(await mint({ azp: null }));
    expect(refusal).toMatchObject({ code: "session.no_azp", reason: "no_azp" });
    expect(refusal.message).toContain("CLERK_ACCEPT_MISSING_AZP");
  });

  test("is accepted with the setting, while a foreign azp stays refused", async () => {
    const lenient = createSessionVerifier({
      jwtKey: clerk.jwtKey,
      authorizedParties: [azp],
      acceptsMissingAzp: true,
    });
    expect(await lenient(await mint({ azp: null }))).toMatchObject({ clerkId: "user_1" });
    for (const overrides of [{ azp: "https://evil.example" }, { azp: null }, { azp: "" }])
      expect((await refusalOf(await mint({ overrides }), lenient)).reason).toBe("azp");
  });
});

test("with an issuer, tokens of another one, or of none, are refused", async () => {
  const issuer = "https://clerk.example.com";
  const strict = createSessionVerifier({ jwtKey: clerk.jwtKey, authorizedParties: [azp], issuer });
  expect(await strict(await mint({ overrides: { iss: issuer } }))).toMatchObject({ clerkId: "user_1" });
  for (const other of [
    { overrides: { iss: `${issuer}/` } },
    { overrides: { iss: [issuer] } },
    { omit: ["iss"] },
  ])
    expect((await refusalOf(await mint(other), strict)).reason).toBe("issuer");
});

test("a token of an app that is no web page is accepted for its own origin", async () => {
  const parties = ["chrome-extension://abcdefghijklmnopabcdefghijklmnop", "exp://192.0.2.1:8081"];
  const native = createSessionVerifier({ jwtKey: clerk.jwtKey, authorizedParties: parties });
  for (const party of parties)
    expect(await native(await mint({ azp: party }))).toMatchObject({ clerkId: "user_1" });
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
