import { createHash, createPublicKey } from "node:crypto";
import { AppError, clerkUserId, splitPublicKeys } from "@rollcall/contracts";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";

/** The caller's identity, as a Clerk session token proves it. */
export type SessionIdentity = {
  clerkId: string;
  sessionId: string;
  /** The session has unfinished tasks (`sts` is `pending`): the user is not signed in yet. */
  pending: boolean;
};

export type SessionVerifier = (token: string) => Promise<SessionIdentity>;

export type SessionVerifierOptions = {
  /** PEM of Clerk's public key, or of several keys during a rotation. No token causes a request to Clerk. */
  jwtKey: string;
  /** The allowed origins. A token with another origin, or without one, is refused. */
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
 * Creates a verifier of session tokens: RS256 only, not expired, with `sid` (a JWT-template token has none) and with `azp`
 * in the list. It remembers a verified token by its SHA-256 until the token expires, so repeated calls of a page cost one
 * hash. It never remembers a refusal.
 *
 * @throws TypeError for a key that is no public key. The verifier throws AppError `unauthenticated`
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

  /** Tries every key, because a PEM has no `kid`. */
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
