import { orAbort, withTimeLimit } from "./abort.ts";
import { findHint } from "./development.ts";
import type { Locale } from "./locale.ts";
import { readRetryAfterMs } from "./retry-delay.ts";
import { ownError, RollcallError } from "./rollcall-error.ts";
import { traceHeaders } from "./trace.ts";
import type { AnyReady, ErrorBody } from "./wire.ts";

export type EnsureOnceOptions = {
  url: string;
  fetch: typeof fetch;
  locale: Locale;
  timeoutMs: number;
  traceparent: () => string | undefined;
  /** The profile's name in answers; null for an app without profiles. */
  profile: string | null;
  /** Errors name their likely cause for a developer. */
  development: boolean;
};

/**
 * Calls `POST /api/ensure` once, with one time limit for token and answer. Errors are returned and not thrown; 202 is the
 * error `pending`.
 */
export function ensureOnce(
  options: EnsureOnceOptions,
  takeToken: () => Promise<string | RollcallError>,
  signal: AbortSignal,
): Promise<AnyReady | RollcallError> {
  const { locale, url } = options;
  return withTimeLimit(options.timeoutMs, signal, async (limit) => {
    let token: string | undefined;
    const hintFor = (code: string) => (options.development ? findHint(code, url, token) : undefined);
    try {
      const taken = await orAbort(takeToken(), limit);
      if (taken instanceof RollcallError) return taken;
      token = taken;
      const response = await options.fetch(url, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "accept-language": locale,
          ...traceHeaders(options.traceparent),
        },
        signal: limit,
      });
      return readAnswer(response, await response.text(), options, hintFor);
    } catch {
      if (signal.aborted) return ownError("aborted", locale, { retryable: false });
      const code = limit.aborted ? "timeout" : "network";
      return ownError(code, locale, { retryable: true, hint: hintFor(code) });
    }
  });
}

function readAnswer(
  response: Response,
  text: string,
  { locale, profile }: EnsureOnceOptions,
  hintFor: (code: string) => string | undefined,
): AnyReady | RollcallError {
  const { status } = response;
  const retryAfterMs = readRetryAfterMs(response.headers.get("retry-after"));
  const body = readJson(text);
  if (status === 200 && isReady(body, profile)) return body;
  if (status === 202) return ownError("pending", locale, { status, retryable: true, retryAfterMs });
  // 408: the api was frozen while the request arrived.
  const retryable = status === 408 || status === 429 || status >= 500;
  if (!isErrorBody(body)) return ownError("invalid_answer", locale, { status, retryable, retryAfterMs });
  const { error, requestId } = body;
  const hint = hintFor(error.code);
  const message = hint ? `${error.message} ${hint}` : error.message;
  return new RollcallError(error.code, message, { status, retryable, retryAfterMs, requestId, hint });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// The login page of a network also answers 200. The fields that decide access must be right; the other columns are trusted,
// because a check of each would be larger than the rest of this package.
function isReady(body: unknown, profile: string | null): body is AnyReady {
  const answer = body as Record<string, unknown> | null | undefined;
  const named = profile && answer?.[profile];
  const { clerkId } = (answer?.["user"] ?? {}) as { clerkId?: unknown };
  const { clerkOrgId } = (answer?.["organization"] ?? { clerkOrgId: "" }) as { clerkOrgId?: unknown };
  return (
    answer?.["success"] === true &&
    typeof answer["created"] === "boolean" &&
    typeof clerkId === "string" &&
    clerkId !== "" &&
    typeof clerkOrgId === "string" &&
    // Null is an answer, a missing key is none.
    typeof named === "object" &&
    !Array.isArray(named)
  );
}

function isErrorBody(body: unknown): body is ErrorBody {
  const answer = body as Partial<ErrorBody> | null | undefined;
  return typeof answer?.error?.code === "string" && typeof answer.error.message === "string";
}
