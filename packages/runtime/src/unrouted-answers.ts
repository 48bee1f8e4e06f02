import { randomUUID } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type ErrorBody, type ErrorCode, errorTable } from "@rollcall/contracts";
import { countAnswer, type ErrorContext, safeHeaders } from "./error-answers.ts";

/** Node's errors of a request that never became one, or whose rest did not come. All others are malformed HTTP. */
const codes = new Map<string, ErrorCode>([
  ["ERR_HTTP_REQUEST_TIMEOUT", "request.timeout"],
  ["HPE_HEADER_OVERFLOW", "request.headers_too_large"],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", "request.too_large"],
]);

/** Time for the caller to read the answer. A connection that is destroyed at once may lose it. */
const lingerMs = 1_000;

export type UnroutedAnswers = {
  /** For Fastify's `clientErrorHandler`. */
  answer(error: Error & { code?: string }, socket: Duplex): void;
  /** Whether the connection of a request got such an answer, so that the route's own one is not sent. */
  wasAnswered(socket: Duplex): boolean;
};

/** Gives our error body to what Node refuses before a route is known, and counts it. */
export function createUnroutedAnswers(
  context: ErrorContext,
): UnroutedAnswers & { watch(server: Server): void } {
  const latest = new WeakMap<Duplex, ServerResponse<IncomingMessage>>();
  const answered = new WeakSet<Duplex>();

  /** Bytes on the connection would be taken for the answer to an earlier request, or would follow an answer. */
  function mayWrite(socket: Duplex): boolean {
    if (!socket.writable) return false;
    const response = latest.get(socket);
    if (!response) return true;
    return response.req.complete ? response.writableFinished : !response.headersSent;
  }

  return {
    watch: (server) => {
      server.prependListener("request", (request, response) => latest.set(request.socket, response));
    },
    wasAnswered: (socket) => answered.has(socket),
    answer: (error, socket) => {
      if (answered.has(socket)) return;
      if (error.code === "ECONNRESET" || !mayWrite(socket)) return void socket.destroy();
      answered.add(socket);
      const code = codes.get(error.code ?? "") ?? "request.malformed";
      const { status } = errorTable[code];
      countAnswer(context, { route: undefined, status, code });
      socket.end(writeAnswer(context, code));
      setTimeout(() => socket.destroy(), lingerMs).unref();
    },
  };
}

function writeAnswer({ config }: ErrorContext, code: ErrorCode): string {
  const { status, title } = errorTable[code];
  // The request's own language was not read.
  const body: ErrorBody = {
    error: { code, message: title[config.MESSAGES_LOCALE] },
    requestId: randomUUID(),
  };
  const text = JSON.stringify(body);
  const headers = {
    ...safeHeaders,
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(text)),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join("\r\n")}\r\n\r\n${text}`;
}
