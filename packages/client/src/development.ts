import { readTokenClaim } from "./token-subject.ts";

/** Apps in a shell such as Capacitor or Tauri are at `localhost` in production too, but without a port. */
export function isDevelopmentServer(): boolean {
  const { protocol, hostname, port } = globalThis.location ?? {};
  return (
    protocol === "http:" && port !== "" && /^(localhost|127\.0\.0\.1|\[::1\]|.+\.localhost)$/.test(hostname)
  );
}

/** The likely cause of an error, for a developer: it names the setting of Rollcall. Undefined when the error says enough. */
export function findHint(code: string, url: string, token: string | undefined): string | undefined {
  switch (code) {
    case "network":
      return token === undefined ? "getToken threw." : explainNoAnswer(url);
    case "session.no_azp":
      return "The token has no azp; Rollcall accepts that with CLERK_ACCEPT_MISSING_AZP=true.";
    case "unauthenticated":
      return `Likely cause: Rollcall's CLERK_AUTHORIZED_PARTIES lacks ${readTokenClaim(token ?? "", "azp") ?? "the app"}, or its CLERK_JWT_KEY is of another Clerk instance.`;
    default:
      return undefined;
  }
}

/** A browser does not tell a page whether CORS refused a call or nothing answered. */
function explainNoAnswer(url: string): string {
  const own = globalThis.location?.origin;
  const { origin } = new URL(url, own);
  const cors =
    own === undefined || own === origin ? "" : `Rollcall's CLERK_AUTHORIZED_PARTIES (CORS) lacks ${own}, or `;
  return `Likely cause: ${cors}it does not run at ${origin}.`;
}
