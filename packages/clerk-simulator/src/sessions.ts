import { createPrivateKey, createPublicKey } from "node:crypto";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { z } from "zod";
import type { Random } from "./random.ts";

const dayMs = 86_400_000;

const tokenInputSchema = z.object({
  userId: z.string(),
  /** The app's origin; left out of the token when null. */
  azp: z.string().nullable().optional(),
  sid: z.string().optional(),
  /** 60 by default, as at Clerk. A negative number makes an expired token. */
  expiresInS: z.number().optional(),
  /** Left out of the token unless given; "pending" while the user has unfinished session tasks. */
  sts: z.enum(["active", "pending"]).optional(),
  /** The active organization; left out for the personal account. */
  organization: z
    .object({
      id: z.string(),
      slug: z.string(),
      /** Such as `org:admin`. */
      role: z.string(),
      /** Custom permissions, such as `org:invoices:read`. */
      permissions: z.array(z.string()).optional(),
    })
    .optional(),
  /** Of the claims; 2 by default. Version 1 differs only in its claims of the organization. */
  version: z.union([z.literal(1), z.literal(2)]).optional(),
  /** Names another key in the header; the signature stays the simulator's. */
  kid: z.string().optional(),
  /** Claims to add or replace. */
  overrides: z.record(z.string(), z.unknown()).optional(),
  /** Claims to leave out. */
  omit: z.array(z.string()).optional(),
});
export type TokenInput = z.input<typeof tokenInputSchema>;

export const sessionTokenInputSchema = tokenInputSchema.extend({
  /** An organization of the user: slug and role are looked up. */
  organizationId: z.string().optional(),
});
export type SessionTokenInput = z.input<typeof sessionTokenInputSchema>;

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

/** Signs session tokens, with the claims of Clerk's "Session tokens" guide: no email and no name. */
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
      ...(input.version === 1 ? {} : { v: 2 }),
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
      ...(input.organization && organizationClaims(input.organization, input.version ?? 2)),
      ...input.overrides,
    };
    for (const name of input.omit ?? []) delete claims[name];
    const header = { alg: "RS256", kid: input.kid ?? keyId, typ: "JWT" };
    return new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
  }

  return { jwtKey, jwks: { keys: [jwk] }, mint };
}

type ActiveOrganization = NonNullable<TokenInput["organization"]>;

/**
 * Version 2 has roles and permissions without `org:`. `fpm` has a number for each feature of `fea`: bit n is permission n
 * of `per`. Source: Clerk's "Session tokens" guide.
 */
function organizationClaims(organization: ActiveOrganization, version: 1 | 2): Record<string, unknown> {
  const { id, slug, role, permissions = [] } = organization;
  if (version === 1) return { org_id: id, org_role: role, org_slug: slug, org_permissions: permissions };
  const o = { id, rol: role.replace(/^org:/, ""), slg: slug };
  if (permissions.length === 0) return { o };
  const pairs = permissions.map((permission) => permission.replace(/^org:/, "").split(":"));
  const features = [...new Set(pairs.map(([feature = ""]) => feature))];
  const names = [...new Set(pairs.map(([, name = ""]) => name))];
  const maps = features.map((feature) =>
    names.reduce((sum, name, bit) => {
      return pairs.some((pair) => pair[0] === feature && pair[1] === name) ? sum + 2 ** bit : sum;
    }, 0),
  );
  return {
    fea: features.map((feature) => `o:${feature}`).join(","),
    o: { ...o, per: names.join(","), fpm: maps.join(",") },
  };
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
