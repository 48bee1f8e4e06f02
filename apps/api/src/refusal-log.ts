import { type ErrorCode, errorTable, isOrigin, type LogEvent } from "@rollcall/contracts";
import type { Logger } from "@rollcall/observability";
import type { FastifyRequest } from "fastify";

/** Lines of one code, reason and route. After this many at once, one line a second is written. */
const linesAtOnce = 60;
/** Longer than the origins of any app. A caller may invent origins without end. */
const maxOrigins = 1_000;
const maxOriginLength = 200;

export type RefusalLog = {
  /** Logs a refused request with its id, so that the `requestId` of an answer is found at the default level. */
  request(request: FastifyRequest, code: ErrorCode, why: Refusal): void;
  /** Logs an origin that CORS refuses, once. */
  origin(request: FastifyRequest, origin: string): void;
};

/** Why a request was refused: for operators, never for the caller. No field holds a token or text of a stranger. */
export type Refusal = {
  reason?: string | undefined;
  party?: string | undefined;
  detail?: string | undefined;
};

/** A log of refusals that no caller can flood: what is left out is counted in `suppressed` of the next line. */
export function createRefusalLog(log: Logger): RefusalLog {
  const takeLine = createLineLimit();
  const origins = new Set<string>();
  return {
    request: (request, code, { reason, party, detail = "Request refused" }) => {
      // A route that does not exist is no refusal, and a 500 has a line of its own.
      if (code === "request.not_found" || code === "internal") return;
      const route = request.routeOptions?.url ?? "unknown";
      const line = takeLine(`${code} ${reason} ${route}`);
      if (!line) return;
      const event: LogEvent = code === "webhook.invalid_signature" ? "webhook_refused" : "request_refused";
      const { method, id: requestId } = request;
      const { status } = errorTable[code];
      log[decideLevel(code)](
        { event, requestId, method, route, status, code, reason, party, ...line },
        detail,
      );
    },
    origin: (request, origin) => {
      if (origins.has(origin)) return;
      const line = takeLine("origin");
      if (!line) return;
      if (origins.size >= maxOrigins) origins.clear();
      origins.add(origin);
      const event: LogEvent = "origin_refused";
      log.warn(
        { event, requestId: request.id, origin: describeOrigin(origin), ...line },
        "CORS refuses this origin: add it to CLERK_AUTHORIZED_PARTIES to allow it",
      );
    },
  };
}

/** The state of one user is no fault of the system. */
function decideLevel(code: ErrorCode): "info" | "warn" {
  return code.startsWith("user.") || [404, 409, 410].includes(errorTable[code].status) ? "info" : "warn";
}

/** Whatever is no origin is text that a caller made up, and is not logged. */
function describeOrigin(origin: string): string {
  if (origin === "null") return origin;
  return origin.length <= maxOriginLength && isOrigin(origin) ? origin : "malformed";
}

type Allowance = { lines: number; atMs: number; suppressed: number };

/** @returns undefined for a line to leave out; else the number of lines left out before it */
function createLineLimit(): (key: string) => { suppressed?: number } | undefined {
  // The keys are codes, reasons and routes of ours, so there are few.
  const allowances = new Map<string, Allowance>();
  return (key) => {
    const nowMs = performance.now();
    const { lines, atMs, suppressed } = allowances.get(key) ?? {
      lines: linesAtOnce,
      atMs: nowMs,
      suppressed: 0,
    };
    const allowed = Math.min(linesAtOnce, lines + (nowMs - atMs) / 1_000);
    const isAllowed = allowed >= 1;
    allowances.set(key, {
      lines: isAllowed ? allowed - 1 : allowed,
      atMs: nowMs,
      suppressed: isAllowed ? 0 : suppressed + 1,
    });
    if (!isAllowed) return undefined;
    return suppressed === 0 ? {} : { suppressed };
  };
}
