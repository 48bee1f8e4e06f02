import type { ErrorCode } from "./errors.ts";
import type { Locale } from "./locale.ts";

/** A text in one language for programs and scripts, or in each language for people. */
export type Hint = string | Readonly<Record<Locale, string>>;

/**
 * An error with a code of the error table. Its message is for logs and holds ids only, never an email or a name, because
 * BullMQ stores message and stack with the job.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** The wait that the other side asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Added to the public title: what exactly is wrong, without any personal data. */
  readonly hint: Hint | undefined;
  /** Why, in one word for the log and the metrics. The caller never sees it. */
  readonly reason: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; hint?: Hint; reason?: string } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.hint = options.hint;
    this.reason = options.reason;
  }
}
