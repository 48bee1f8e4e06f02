import { createPublicKey, hash } from "node:crypto";
import {
  AppError,
  clerkOrganizationId,
  clerkUserId,
  isOrigin,
  type SessionRefusalReason,
  splitPublicKeys,
} from "@rollcall/contracts";
import { errors, type JWTPayload, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";

/** The caller's identity, as a Clerk session token proves it. */
export type SessionIdentity = {
  clerkId: string;
  sessionId: string;
  /** The active organization; null for the personal account, and for an id that cannot be read. */
  clerkOrgId: string | null;
  /** The session has unfinished tasks (`sts` is `pending`): the user is not signed in yet. */
  pending: boolean;
};

export type SessionVerifier = (token: string) => Promise<SessionIdentity>;

export type SessionVerifierOptions = {
  /** PEM of Clerk's public key, or of several keys during a rotation. No token causes a request to Clerk. */
  jwtKey: string;
  /** The allowed origins. A token with another origin is refused. */
  authorizedParties: readonly string[];
  /** Whether a token without `azp` is accepted. Native apps and document navigations get such tokens. */
  acceptsMissingAzp?: boolean;
  /** The only allowed `iss`. Undefined: not checked. */
  issuer?: string | undefined;
};

type Reason = SessionRefusalReason | "no_azp";

/** A refused session token. The caller sees only the code; the reason is for the log and the metrics. */
export class SessionRefusal extends AppError {
  /** The token's `azp` if it has the form of an origin. Other text of a token is never logged. */
  readonly party: string | undefined;

  constructor(reason: Reason, options: { cause?: unknown; party?: unknown } = {}) {
    const code = reason === "no_azp" ? "session.no_azp" : "unauthenticated";
    const { cause, party } = options;
    super(code, explanations[reason], { cause, reason });
    this.party = typeof party === "string" && party.length <= 200 && isOrigin(party) ? party : undefined;
  }
}

/** What an operator should know or check, by reason. */
const explanations = {
  missing: "The request has no bearer token",
  malformed: "The bearer token is no session token of Clerk",
  algorithm: "The token is not signed with RS256",
  signature: "The token is signed by no key in CLERK_JWT_KEY",
  expired: "The token expired: the app sends an old one, or this machine's clock is wrong",
  not_yet_valid: "The token is from the future: this machine's clock is wrong",
  issuer: "The token's iss is not CLERK_ISSUER",
  no_sid: "The token has no sid: it is made from a JWT template",
  azp: "The token's azp is not in CLERK_AUTHORIZED_PARTIES",
  sts: "The token's sts has an unknown value",
  no_azp: "The token has no azp: CLERK_ACCEPT_MISSING_AZP=true accepts such tokens",
} as const satisfies Record<Reason, string>;

const toleranceS = 5;

const rules = { algorithms: ["RS256"], clockTolerance: toleranceS, requiredClaims: ["exp", "iat"] };

const claims = z.object({
  sub: clerkUserId,
  exp: z.number(),
  iat: z.number(),
  iss: z.unknown().optional(),
  sid: z.unknown().optional(),
  azp: z.unknown().optional(),
  sts: z.unknown().optional(),
  v: z.unknown().optional(),
  o: z.unknown().optional(),
  org_id: z.unknown().optional(),
});

const organizationClaim = z.object({ id: clerkOrganizationId });

/** Version 2 has its claims of the organization in `o`. A token of version 1 names no version. */
function readOrganization({ v, o, org_id: id }: z.infer<typeof claims>): string | null {
  return organizationClaim.safeParse(v === 2 ? o : { id }).data?.id ?? null;
}

/** Values of `sts`. A token of an older version has none. */
const sessionStates: readonly unknown[] = [undefined, "active", "pending"];

/**
 * Creates a verifier of session tokens: RS256 only, neither expired nor from the future, with `sid` (a JWT-template token
 * has none), with `azp` in the list, and with a known `sts`. It remembers a verified token by its SHA-256 until the token
 * expires, so repeated calls of a page cost one hash. It never remembers a refusal.
 *
 * @throws TypeError for a key that is no public key. The verifier throws SessionRefusal
 */
export function createSessionVerifier(options: SessionVerifierOptions): SessionVerifier {
  const keys = splitPublicKeys(options.jwtKey).map((pem) => createPublicKey(pem));
  const verified = new LRUCache<string, SessionIdentity>({ max: 10_000 });

  return async (token) => {
    const digest = hash("sha256", token, "base64url");
    const known = verified.get(digest);
    if (known) return known;
    const { identity, expiresAtS } = await verify(token);
    const ttl = (expiresAtS + toleranceS) * 1_000 - Date.now();
    if (ttl > 0) verified.set(digest, identity, { ttl });
    return identity;
  };

  async function verify(token: string): Promise<{ identity: SessionIdentity; expiresAtS: number }> {
    const payload = await readSigned(token).catch((error: unknown) => {
      throw new SessionRefusal(nameFault(error), { cause: error });
    });
    const read = claims.safeParse(payload);
    if (!read.success) throw new SessionRefusal("malformed");
    const { sub, sid, sts, exp } = read.data;
    const reason = findRefusal(read.data, options);
    if (reason !== undefined) throw new SessionRefusal(reason, { party: read.data.azp });
    return {
      identity: {
        clerkId: sub,
        sessionId: String(sid),
        clerkOrgId: readOrganization(read.data),
        pending: sts === "pending",
      },
      expiresAtS: exp,
    };
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

/** The first reason against the claims of a well-signed, unexpired token. */
function findRefusal(
  { iat, iss, sid, azp, sts }: z.infer<typeof claims>,
  { issuer, authorizedParties, acceptsMissingAzp = false }: SessionVerifierOptions,
): Reason | undefined {
  if (iat > Date.now() / 1_000 + toleranceS) return "not_yet_valid";
  if (issuer !== undefined && iss !== issuer) return "issuer";
  if (typeof sid !== "string" || sid === "") return "no_sid";
  if (!sessionStates.includes(sts)) return "sts";
  if (azp === undefined) return acceptsMissingAzp ? undefined : "no_azp";
  return typeof azp === "string" && authorizedParties.includes(azp) ? undefined : "azp";
}

/** The reason for an error of `jose`. */
function nameFault(error: unknown): SessionRefusalReason {
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm";
  const isEarly = error instanceof errors.JWTClaimValidationFailed && error.claim === "nbf";
  return isEarly && error.reason === "check_failed" ? "not_yet_valid" : "malformed";
}
