import { AppError } from "./app-error.ts";
import type { ErrorCode } from "./errors.ts";

/**
 * The errors of a dependency that fails for every user. No user pays for them with an attempt: jobs wait until the
 * dependency is back. Every other error belongs to the one user or call that met it.
 */
const outageCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "postgres.unavailable",
  "schema.changed",
  "queue.unavailable",
  "clerk.unavailable",
  "clerk.rate_limited",
  "clerk.unauthorized",
]);

/** Whether a dependency fails for every user. */
export function isOutage(error: unknown): boolean {
  return outageCodes.has(readErrorCode(error));
}

/** The code of an error; `internal` for an error that is not ours. */
export function readErrorCode(error: unknown): ErrorCode {
  return error instanceof AppError ? error.code : "internal";
}
