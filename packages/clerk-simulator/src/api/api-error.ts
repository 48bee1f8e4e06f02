/** An error answer of Clerk's API, in Clerk's error shape. */
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

/** The body of an error answer. */
export function errorBody(error: ClerkApiError, traceId: string): string {
  const { message, code, meta } = error;
  const entry = { message, long_message: message, code, ...(meta === undefined ? {} : { meta }) };
  return JSON.stringify({ errors: [entry], clerk_trace_id: traceId });
}

/** 422 for an invalid parameter of a query or body. */
export function invalidParameter(name: string, message: string, code = "form_param_format_invalid") {
  return new ClerkApiError(422, code, message, { meta: { param_name: name } });
}

/** 404 for something that does not exist or was deleted. */
export function notFound(thing: string, id: string): ClerkApiError {
  return new ClerkApiError(404, "resource_not_found", `No ${thing} was found with id ${id}`);
}

export function userNotFound(id: string): ClerkApiError {
  return notFound("user", id);
}

/** 429 with the seconds to wait. Source: Clerk's "Rate limits" guide. */
export function tooManyRequests(retryAfterS: number): ClerkApiError {
  return new ClerkApiError(429, "too_many_requests", "Too many requests. Please try again in a bit.", {
    retryAfterS,
  });
}
