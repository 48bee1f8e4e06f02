/** An answer of Clerk's API that is not a success, in Clerk's error shape. */
export class ClerkApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly meta: Record<string, unknown> | undefined;
  readonly retryAfterS: number | undefined;

  constructor(status: number, code: string, message: string, extra: ClerkApiErrorExtra = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.meta = extra.meta;
    this.retryAfterS = extra.retryAfterS;
  }
}

type ClerkApiErrorExtra = { meta?: Record<string, unknown>; retryAfterS?: number };

/** The body Clerk sends for an error. */
export function errorBody(error: ClerkApiError, traceId: string): string {
  const { message, code, meta } = error;
  const entry = { message, long_message: message, code, ...(meta === undefined ? {} : { meta }) };
  return JSON.stringify({ errors: [entry], clerk_trace_id: traceId });
}

/** 422 for a parameter: what Clerk answers to a query or body it cannot use. */
export function invalidParameter(name: string, message: string, code = "form_param_format_invalid") {
  return new ClerkApiError(422, code, message, { meta: { param_name: name } });
}

/** 404 for a user who does not exist, or not any more. */
export function userNotFound(id: string): ClerkApiError {
  return new ClerkApiError(404, "resource_not_found", `No user was found with id ${id}`);
}

/** 429 with the seconds to wait. Source: Clerk's "Rate limits" guide. */
export function tooManyRequests(retryAfterS: number): ClerkApiError {
  return new ClerkApiError(429, "too_many_requests", "Too many requests. Please try again in a bit.", {
    retryAfterS,
  });
}
