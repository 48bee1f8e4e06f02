/**
 * Reads the user id in a token without verifying the token. The result may only be used as a key for this page's own
 * requests. Undefined when the token is not a JWT.
 */
export function readTokenSubject(token: string): string | undefined {
  return readTokenClaim(token, "sub");
}

/** Reads a claim without verifying the token. Undefined when the token is not a JWT, or the claim is no text. */
export function readTokenClaim(token: string, name: "sub" | "azp"): string | undefined {
  const claim = readClaims(token)?.[name];
  return typeof claim === "string" ? claim : undefined;
}

/** The active organization in a token, which is not verified: null for none, undefined when the token is not a JWT. */
export function readTokenOrganization(token: string): string | null | undefined {
  const claims = readClaims(token);
  if (!claims) return undefined;
  // Version 2 of Clerk's tokens has `o`, version 1 `org_id`.
  const id = claims["v"] === 2 ? (claims["o"] as { id?: unknown } | null | undefined)?.id : claims["org_id"];
  return typeof id === "string" ? id : null;
}

function readClaims(token: string): Record<string, unknown> | undefined {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
