import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

export type LoggerOptions = {
  level: string;
  /** Which process writes, e.g. `api`. */
  process: string;
  /** Where lines go; standard output when absent. */
  destination?: DestinationStream;
};

/**
 * JSON lines with ids and codes, never emails or names. Errors are reduced to name, message, code and stack:
 * the details that drivers hang on their errors quote rows.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { process: options.process },
    serializers: { err: describeError },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}

type DescribedError = {
  name: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: DescribedError;
};

function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { name: "NonError", message: typeof error };
  return {
    name: error.name,
    // Postgres quotes rows in messages too ("Key (email)=(…) already exists" is the detail, but not always).
    message: "severity" in error ? "error from Postgres" : error.message,
    ...("code" in error ? { code: error.code } : {}),
    ...(error.stack !== undefined && !("severity" in error) ? { stack: error.stack } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
