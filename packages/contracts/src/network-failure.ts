/**
 * Names why a request got no answer: `ECONNREFUSED`, `ENOTFOUND`, `TimeoutError`. Never the error's own text, because
 * `fetch` quotes the URL in some of its messages, and a URL may hold a token.
 */
export function nameNetworkFailure(error: unknown): string {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    const code = "code" in cause ? cause.code : undefined;
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
    if (cause.name === "TimeoutError" || cause.name === "AbortError") return cause.name;
  }
  return "no answer";
}
