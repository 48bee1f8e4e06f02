import { toPrintableJson } from "@rollcall/contracts";
import { type DestinationStream, type Logger, pino } from "pino";
import { createRedactor } from "./redact.ts";
import type { Tracing } from "./tracing.ts";

export type { Logger } from "pino";

export type LoggerOptions = {
  level: string;
  /** The process that writes, e.g. `api`. */
  process: string;
  /** Replaced wherever they appear in a line: `listSecrets` of contracts. */
  secrets?: readonly string[];
  /** Standard output by default. */
  destination?: DestinationStream;
  /** Gets each line too. Lines inside of a trace then have its `trace_id` and `span_id`. */
  telemetry?: LogTelemetry | undefined;
};

/** The part of `Telemetry` that a logger needs. */
type LogTelemetry = { tracing: Tracing; sendLogLine(line: string): void };

/**
 * Writes JSON lines with ids and codes, never emails or names. Of an error only name, message, code, stack and cause are
 * written, because other fields of driver errors quote rows.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { telemetry } = options;
  const settings = {
    level: options.level,
    base: { process: options.process },
    serializers: { err: describeError },
    ...(telemetry && { mixin: () => nameSpan(telemetry) }),
  };
  const destination = options.destination ?? pino.destination(1);
  const redact = createRedactor(options.secrets ?? []);
  return pino(settings, {
    write: (line) => {
      // JSON.stringify leaves text direction and C1 sequences as they are, and a terminal obeys them.
      const text = toPrintableJson(redact(line));
      destination.write(text);
      telemetry?.sendLogLine(text);
    },
  });
}

/** The names of OpenTelemetry for logs that are not its own. */
function nameSpan({ tracing }: LogTelemetry): object {
  const context = tracing.active()?.context;
  return context ? { trace_id: context.traceId, span_id: context.spanId } : {};
}

type DescribedError = {
  name: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: DescribedError;
};

/** A message that ends the connection is about the server, such as "too many clients". Every other one may quote a row. */
function describePostgres(severity: unknown, message: string): string {
  return severity === "FATAL" || severity === "PANIC"
    ? `Postgres ended the connection: ${message.slice(0, longestServerMessage)}`
    : "error from Postgres";
}

const longestServerMessage = 300;

function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { name: "NonError", message: typeof error };
  return {
    name: error.name,
    // Postgres quotes rows in some messages too, not only in the detail ("Key (email)=(…) already exists").
    message: "severity" in error ? describePostgres(error.severity, error.message) : error.message,
    ...("code" in error ? { code: error.code } : {}),
    ...(error.stack !== undefined && !("severity" in error) ? { stack: error.stack } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
