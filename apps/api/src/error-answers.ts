import accepts from "@fastify/accepts";
import { SessionRefusal } from "@rollcall/clerk";
import { AppError, type ErrorBody, type ErrorCode, errorTable, type Locale } from "@rollcall/contracts";
import { countPostgresError } from "@rollcall/sync";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "./context.ts";
import type { Refusal } from "./refusal-log.ts";

/** Fastify's own errors that a caller can cause, by status. */
const codesByStatus = new Map<number, ErrorCode>([
  [400, "request.malformed"],
  [404, "request.not_found"],
  [413, "request.too_large"],
  [415, "request.unsupported_media_type"],
  [429, "request.rate_limited"],
]);

declare module "fastify" {
  interface FastifyReply {
    /** The code in the error body; empty for every other answer. */
    errorCode: ErrorCode | "";
  }
}

/** Gives every error one body: a code for programs and a sentence for people, without internal details. */
export async function registerErrorAnswers(app: FastifyInstance, context: ApiContext): Promise<void> {
  await app.register(accepts);
  app.decorateReply("errorCode", "");
  app.setNotFoundHandler((request, reply) => answerError(context, request, reply, "request.not_found"));
  app.setErrorHandler((error, request, reply) => {
    const code = readCode(error);
    countPostgresError(context.metrics, error);
    if (code === "internal") {
      context.log.error({ event: "request_failed", requestId: request.id, err: error }, "Request failed");
    }
    return answerError(context, request, reply, code, error instanceof AppError ? readExtras(error) : {});
  });
}

type Extras = { retryAfterMs?: number | undefined; hint?: string | undefined; refusal?: Refusal };

function readExtras(error: AppError): Extras {
  const { retryAfterMs, hint, reason, message: detail } = error;
  const party = error instanceof SessionRefusal ? error.party : undefined;
  return { retryAfterMs, hint, refusal: { reason, party, detail } };
}

/**
 * Answers with the code's status and title, and with `Retry-After` when the call may be repeated. The reason stands in
 * the log under the id that the answer names.
 */
export function answerError(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  code: ErrorCode,
  { retryAfterMs = 1_000, hint, refusal = {} }: Extras = {},
): FastifyReply {
  const { status } = errorTable[code];
  context.refusals.request(request, code, refusal);
  if (status === 429 || status === 503) reply.header("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  if (code === "unauthenticated" || code === "session.no_azp") reply.header("www-authenticate", "Bearer");
  const sentence = titleOf(context, request, code);
  const message = hint === undefined ? sentence : `${sentence} (${hint})`;
  reply.errorCode = code;
  const body: ErrorBody = { error: { code, message }, requestId: request.id };
  return reply.code(status).send(body);
}

/** The title of a code in the language of the request. */
export function titleOf(context: ApiContext, request: FastifyRequest, code: ErrorCode): string {
  return errorTable[code].title[decideLocale(request, context.config.MESSAGES_LOCALE)];
}

/** The code of an error, also of Fastify's own errors. */
export function readCode(error: unknown): ErrorCode {
  if (error instanceof AppError) return error.code;
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" ? nameStatus(status) : "internal";
}

/** The code of an answer of Fastify's own, by its status. */
export function nameStatus(status: number): ErrorCode {
  return codesByStatus.get(status) ?? "internal";
}

function decideLocale(request: FastifyRequest, fallback: Locale): Locale {
  if (request.headers["accept-language"] === undefined) return fallback;
  // A request whose URL Fastify could not read lacks what plugins add.
  if (!("language" in request)) return fallback;
  const language = request.language(["pt-BR", "pt", "en"]);
  if (language === false) return fallback;
  return language === "en" ? "en" : "pt-BR";
}
