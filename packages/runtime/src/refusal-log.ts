import { SessionRefusal } from "@rollcall/clerk";
import { AppError, type ErrorCode, errorTable, isOrigin, type LogEvent } from "@rollcall/contracts";
import type { Logger } from "@rollcall/observability";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Lines of one code, reason and route. After this many at once, one line a second is written. */
const linesAtOnce = 60;
/** Longer than the origins of any app. A caller may invent origins without end. */
const maxOrigins = 1_000;
const maxOriginLength = 200;

declare module "fastify" {
  interface FastifyRequest {
    /** The error that the request was refused with, if it is one of ours: its reason is for operators alone. */
    refusal?: AppError;
  }
}

/**
 * Logs each refused request with its id, so that the `requestId` of an answer is found at the default level. No caller
 * can flood the log: lines that are left out are counted in `suppressed` of the next one.
 */
export function registerRefusalLog(app: FastifyInstance, { log }: { log: Logger }): void {
  const takeLine = createLineLimit();
  app.addHook("onError", (request, _reply, error, done) => {
    if (error instanceof AppError) request.refusal = error;
    done();
  });
  app.addHook("onResponse", (request, { errorCode }, done) => {
    // A route that does not exist is no refusal, and a 500 has a line of its own.
    if (errorCode !== undefined && errorCode !== "request.not_found" && errorCode !== "internal")
      write(request, errorCode);
    done();
  });

  function write(request: FastifyRequest, code: ErrorCode): void {
    const { method, id: requestId, refusal } = request;
    const route = request.routeOptions.url ?? "unknown";
    const reason = refusal?.reason;
    const line = takeLine(`${code} ${reason} ${route}`);
    if (!line) return;
    const event: LogEvent = code === "webhook.invalid_signature" ? "webhook_refused" : "request_refused";
    const { status } = errorTable[code];
    const party = refusal instanceof SessionRefusal ? refusal.party : undefined;
    log[decideLevel(code)](
      { event, requestId, method, route, status, code, reason, party, ...line },
      refusal?.message ?? "Request refused",
    );
  }
}

/** @returns logs an origin that CORS refuses, once */
export function createOriginLog(log: Logger): (request: FastifyRequest, origin: string) => void {
  const takeLine = createLineLimit();
  const origins = new Set<string>();
  return (request, origin) => {
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
