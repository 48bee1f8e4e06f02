import type { ErrorCode } from "./errors.ts";

/**
 * An error that Rollcall names. Its message is for logs and must hold ids only, never an email or a name:
 * BullMQ stores message and stack with the job.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Added to the public title: what exactly to mend, in words that show no value. */
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; hint?: string } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.hint = options.hint;
  }
}
