import { orAbort, withTimeLimit } from "./abort.ts";
import type { Locale } from "./locale.ts";
import { readRetryAfterMs } from "./retry-delay.ts";
import { ownError, RollcallError } from "./rollcall-error.ts";
import type { EnsureReady, ErrorBody } from "./wire.ts";

export type EnsureOnceOptions = {
  url: string;
  fetch: typeof fetch;
  locale: Locale;
  timeoutMs: number;
};

/**
 * Calls `POST /api/ensure` once, with one time limit for token and answer. Errors are returned and not thrown; 202 is the
 * error `pending`.
 */
export function ensureOnce(
  options: EnsureOnceOptions,
  takeToken: () => Promise<string | RollcallError>,
  signal: AbortSignal,
): Promise<EnsureReady | RollcallError> {
  const { locale } = options;
  return withTimeLimit(options.timeoutMs, signal, async (limit) => {
    try {
      const token = await orAbort(takeToken(), limit);
      if (token instanceof RollcallError) return token;
      const response = await options.fetch(options.url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "accept-language": locale },
        signal: limit,
      });
      return readAnswer(response, await response.text(), locale);
    } catch {
      if (signal.aborted) return ownError("aborted", locale, { retryable: false });
      return ownError(limit.aborted ? "timeout" : "network", locale, { retryable: true });
    }
  });
}

function readAnswer(response: Response, text: string, locale: Locale): EnsureReady | RollcallError {
  const { status } = response;
  const retryAfterMs = readRetryAfterMs(response.headers.get("retry-after"));
  const body = readJson(text);
  if (status === 200 && isReady(body)) return body;
  if (status === 202) return ownError("pending", locale, { status, retryable: true, retryAfterMs });
  const retryable = status === 429 || status >= 500;
  if (!isErrorBody(body)) return ownError("invalid_answer", locale, { status, retryable, retryAfterMs });
  const { error, requestId } = body;
  return new RollcallError(error.code, error.message, { status, retryable, retryAfterMs, requestId });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// The login page of a network also answers 200. Beyond that, the api's schema is trusted: a check of each column would be
// larger than the rest of this package.
function isReady(body: unknown): body is EnsureReady {
  const answer = body as Partial<EnsureReady> | null | undefined;
  return answer?.success === true && typeof answer.user?.clerkId === "string";
}

function isErrorBody(body: unknown): body is ErrorBody {
  const answer = body as Partial<ErrorBody> | null | undefined;
  return typeof answer?.error?.code === "string" && typeof answer.error.message === "string";
}
