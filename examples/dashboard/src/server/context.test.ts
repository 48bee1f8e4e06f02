import { generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { createContextOf } from "./context.ts";

const origin = "http://localhost:3003";
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const createContext = createContextOf({
  CLERK_JWT_KEY: publicKey.export({ type: "spki", format: "pem" }).toString(),
  CLERK_AUTHORIZED_PARTIES: [origin],
});

/** A session token in Clerk's form, with changed claims. */
function makeToken(change: object = {}, key = privateKey): string {
  const nowS = Math.floor(Date.now() / 1_000);
  const claims = { sub: "user_ana", sid: "sess_1", azp: origin, iat: nowS, nbf: nowS - 5, exp: nowS + 60 };
  const parts = [
    { alg: "RS256", typ: "JWT", kid: "ins_1" },
    { ...claims, iss: origin, ...change },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), key).toString("base64url")}`;
}

async function identify(authorization: string | undefined) {
  // No other part of a request is read.
  const options = { req: { headers: { authorization } } } as Parameters<typeof createContext>[0];
  return (await createContext(options)).auth;
}

test("a session token identifies the caller, and is passed on to Rollcall", async () => {
  const token = makeToken();
  const auth = await identify(`Bearer ${token}`);
  expect([auth?.userId, await auth?.getToken()]).toEqual(["user_ana", token]);
});

test.each([
  ["no token", undefined],
  ["a session with tasks left", makeToken({ sts: "pending" })],
  ["a token of a JWT template, which names no session", makeToken({ sid: undefined })],
  ["a token of another app", makeToken({ azp: "https://elsewhere.example" })],
  ["a token without an app", makeToken({ azp: undefined })],
  ["an expired token", makeToken({ exp: Math.floor(Date.now() / 1_000) - 60 })],
  [
    "a token with another signature",
    makeToken({}, generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey),
  ],
  ["a value that is not a token", "token"],
])("%s identifies no caller", async (_, token) => {
  expect(await identify(token && `Bearer ${token}`)).toBeNull();
});
