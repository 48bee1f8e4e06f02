/**
 * Reads whom a token names, without verifying anything: good as a key for what this page itself asked for,
 * and for nothing else. Undefined when the token is no JWT.
 */
export function readTokenSubject(token: string): string | undefined {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    const sub = typeof claims === "object" && claims !== null && "sub" in claims ? claims.sub : undefined;
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}
