import { createHash, createPublicKey } from "node:crypto";
import { AppError, clerkUserId, splitPublicKeys } from "@rollcall/contracts";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";

/** Who calls, as a Clerk session token proves it. */
export type SessionIdentity = {
  clerkId: string;
  sessionId: string;
  /** The session has tasks left (`sts` is `pending`): the person is not signed in yet. */
  pending: boolean;
};

export type SessionVerifier = (token: string) => Promise<SessionIdentity>;

export type SessionVerifierOptions = {
  /** PEM of Clerk's public key, or of several while it is rotated; with it no request leaves for a token. */
  jwtKey: string;
  /** Origins that may call; a token of any other, or of none, is refused. */
  authorizedParties: readonly string[];
};

const toleranceS = 5;

const rules = { algorithms: ["RS256"], clockTolerance: toleranceS, requiredClaims: ["exp", "iat"] };

const claims = z.object({
  sub: clerkUserId,
  sid: z.string().min(1),
  azp: z.string(),
  exp: z.number(),
  sts: z.string().optional(),
});

/**
 * Builds a verifier of session tokens: RS256 only, not expired, `sid` present (a JWT-template token has none)
 * and `azp` in the list. A verified token is remembered by its SHA-256 until it expires, so that a page's
 * repeated calls cost a hash; refusals are never remembered.
 *
 * @throws TypeError for a key that is no public key; the verifier: AppError `unauthenticated`
 */
export function createSessionVerifier(options: SessionVerifierOptions): SessionVerifier {
  const keys = splitPublicKeys(options.jwtKey).map((pem) => createPublicKey(pem));
  const verified = new LRUCache<string, SessionIdentity>({ max: 10_000 });

  return async (token) => {
    const digest = createHash("sha256").update(token).digest("base64url");
    const known = verified.get(digest);
    if (known) return known;
    const { identity, expiresAtS } = await verify(token);
    const ttl = (expiresAtS + toleranceS) * 1_000 - Date.now();
    if (ttl > 0) verified.set(digest, identity, { ttl });
    return identity;
  };

  async function verify(token: string): Promise<{ identity: SessionIdentity; expiresAtS: number }> {
    const payload = await readSigned(token).catch((error: unknown) => {
      throw new AppError("unauthenticated", "The token does not verify", { cause: error });
    });
    const read = claims.safeParse(payload);
    if (!read.success) throw new AppError("unauthenticated", "The token is not a session token");
    const { sub, sid, azp, exp, sts } = read.data;
    if (!options.authorizedParties.includes(azp)) {
      throw new AppError("unauthenticated", "The token was issued for a party that is not authorized");
    }
    return { identity: { clerkId: sub, sessionId: sid, pending: sts === "pending" }, expiresAtS: exp };
  }

  /** By any of the keys: a PEM says no `kid` to choose by. */
  async function readSigned(token: string): Promise<JWTPayload> {
    let refusal: unknown;
    for (const key of keys) {
      try {
        return (await jwtVerify(token, key, rules)).payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }
}
