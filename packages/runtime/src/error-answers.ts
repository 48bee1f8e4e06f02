import accepts from "@fastify/accepts";
import {
  AppError,
  type ErrorBody,
  type ErrorCode,
  errorTable,
  type Hint,
  type Locale,
} from "@rollcall/contracts";
import { countPostgresError } from "@rollcall/sync";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Services } from "./open-services.ts";

export type ErrorContext = Pick<Services, "log" | "metrics"> & { config: { MESSAGES_LOCALE: Locale } };

declare module "fastify" {
  interface FastifyReply {
    /** The code of an error answer, for counts and for the log of refusals. */
    errorCode?: ErrorCode;
  }
}

/** On every answer, because answers hold personal data or the state of a user. */
export const safeHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** An answer as it is counted. The route is undefined when none matched, or none was known yet. */
export type Answer = { route: string | undefined; status: number; code: ErrorCode | undefined };

export function countAnswer({ metrics }: ErrorContext, { route, status, code }: Answer): void {
  const labels = { route: route ?? "unknown", status: String(status), code: code ?? "" };
  metrics.count("rollcall_http_requests_total", labels);
}

/** Fastify's own errors that a caller can cause, by status. */
const codesByStatus = new Map<number, ErrorCode>([
  [400, "request.malformed"],
  [404, "request.not_found"],
  [413, "request.too_large"],
  [414, "request.uri_too_long"],
  [415, "request.unsupported_media_type"],
  [429, "request.rate_limited"],
]);

/** Gives every error one body: a code for programs and a sentence for people, without internal details. */
export async function registerErrorAnswers(app: FastifyInstance, context: ErrorContext): Promise<void> {
  await app.register(accepts);
  app.setNotFoundHandler((request, reply) => answerError(context, request, reply, "request.not_found"));
  app.setErrorHandler((error, request, reply) => {
    const code = readCode(error);
    countPostgresError(context.metrics, error);
    if (code === "internal") {
      context.log.error({ event: "request_failed", requestId: request.id, err: error }, "Request failed");
    }
    const extras = error instanceof AppError ? { retryAfterMs: error.retryAfterMs, hint: error.hint } : {};
    return answerError(context, request, reply, code, extras);
  });
}

/** Answers with the code's status and title, and with `Retry-After` when the call may be repeated. */
export function answerError(
  context: ErrorContext,
  request: FastifyRequest,
  reply: FastifyReply,
  code: ErrorCode,
  { retryAfterMs = 1_000, hint }: { retryAfterMs?: number | undefined; hint?: Hint | undefined } = {},
): FastifyReply {
  const { status } = errorTable[code];
  reply.errorCode = code;
  if (status === 429 || status === 503) reply.header("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  if (code === "unauthenticated" || code === "session.no_azp") reply.header("www-authenticate", "Bearer");
  const message = describeError(context, request, code, hint);
  const body: ErrorBody = { error: { code, message }, requestId: request.id };
  return reply.code(status).send(body);
}

/** The title of a code, with the hint, in the language of the request. */
export function describeError(
  context: ErrorContext,
  request: FastifyRequest,
  code: ErrorCode,
  hint?: Hint,
): string {
  const locale = decideLocale(request, context.config.MESSAGES_LOCALE);
  const title = errorTable[code].title[locale];
  if (hint === undefined) return title;
  return `${title} (${typeof hint === "string" ? hint : hint[locale]})`;
}

/** The code of an error, also of Fastify's own errors. */
export function readCode(error: unknown): ErrorCode {
  if (error instanceof AppError) return error.code;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return (typeof status === "number" && codesByStatus.get(status)) || "internal";
}

/** Browsers send less than 100 characters. Reading 14 KB of languages costs more than the rest of an answer. */
const longestLanguages = 256;

function decideLocale(request: FastifyRequest, fallback: Locale): Locale {
  const wanted = request.headers["accept-language"];
  if (wanted === undefined || wanted.length > longestLanguages) return fallback;
  // A request whose URL Fastify could not read lacks what plugins add.
  if (!("language" in request)) return fallback;
  const language = request.language(["pt-BR", "pt", "en"]);
  if (language === false) return fallback;
  return language === "en" ? "en" : "pt-BR";
}
