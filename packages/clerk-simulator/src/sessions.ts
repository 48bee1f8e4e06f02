import { createPrivateKey, createPublicKey } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { z } from "zod";
import type { Random } from "./random.ts";

const dayMs = 86_400_000;

export const tokenInputSchema = z.object({
  userId: z.string(),
  /** The app's origin; left out of the token when null. */
  azp: z.string().nullable().optional(),
  sid: z.string().optional(),
  /** 60 by default, as at Clerk. A negative number makes an expired token. */
  expiresInS: z.number().optional(),
  /** Left out of the token unless given; "pending" while the user has unfinished session tasks. */
  sts: z.enum(["active", "pending"]).optional(),
  /** Names another key in the header; the signature stays the simulator's. */
  kid: z.string().optional(),
  /** Claims to add or replace. */
  overrides: z.record(z.string(), z.unknown()).optional(),
  /** Claims to leave out. */
  omit: z.array(z.string()).optional(),
});
export type TokenInput = z.input<typeof tokenInputSchema>;

export type TokenMint = {
  /** The public key as PEM (SPKI). Clerk's dashboard calls it the JWT key. */
  jwtKey: string;
  jwks: { keys: JWK[] };
  mint(input: TokenInput): Promise<string>;
};

type TokenMintOptions = {
  issuer: string;
  random: Random;
  now: () => number;
  /** PEM (PKCS 8) of an RSA key; by default a new pair. */
  signingKey?: string | undefined;
};

/** Signs session tokens of version 2, with the claims of Clerk's "Session tokens" guide: no email and no name. */
export async function createTokenMint(options: TokenMintOptions): Promise<TokenMint> {
  const { issuer, random, now, signingKey } = options;
  const { publicKey, privateKey } =
    signingKey === undefined
      ? await generateKeyPair("RS256", { extractable: true })
      : { publicKey: createPublicKey(signingKey), privateKey: createPrivateKey(signingKey) };
  const keyId = `ins_2${random.base62(26)}`;
  const jwtKey = await exportSPKI(publicKey);
  const jwk = { ...(await exportJWK(publicKey)), use: "sig", kid: keyId, alg: "RS256" };

  async function mint(input: TokenInput): Promise<string> {
    const issuedAtS = Math.floor(now() / 1000);
    const claims: Record<string, unknown> = {
      v: 2,
      iss: issuer,
      sub: input.userId,
      sid: input.sid ?? `sess_2${random.base62(26)}`,
      azp: input.azp ?? undefined,
      exp: issuedAtS + (input.expiresInS ?? 60),
      nbf: issuedAtS - 10,
      iat: issuedAtS,
      jti: random.base62(20),
      fva: [0, -1],
      sts: input.sts,
      ...input.overrides,
    };
    for (const name of input.omit ?? []) delete claims[name];
    const header = { alg: "RS256", kid: input.kid ?? keyId, typ: "JWT" };
    return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
  }

  return { jwtKey, jwks: { keys: [jwk] }, mint };
}

/** The `data` of a `session.created` event. Source: Clerk's webhook event description of 2025-04-15. */
export function sessionCreated(userId: string, nowMs: number, random: Random) {
  return {
    object: "session" as const,
    id: `sess_2${random.base62(26)}`,
    user_id: userId,
    client_id: `client_2${random.base62(26)}`,
    actor: null,
    status: "active",
    last_active_at: nowMs,
    expire_at: nowMs + 7 * dayMs,
    abandon_at: nowMs + 30 * dayMs,
    created_at: nowMs,
    updated_at: nowMs,
  };
}
