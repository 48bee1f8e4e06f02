/**
 * Reads the user id in a token without verifying the token. The result may only be used as a key for this page's own
 * requests. Undefined when the token is not a JWT.
 */
export function readTokenSubject(token: string): string | undefined {
  return readTokenClaim(token, "sub");
}

/** Reads a claim without verifying the token. Undefined when the token is not a JWT, or the claim is no text. */
export function readTokenClaim(token: string, name: "sub" | "azp"): string | undefined {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    const claim =
      typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>)[name] : undefined;
    return typeof claim === "string" ? claim : undefined;
  } catch {
    return undefined;
  }
}
