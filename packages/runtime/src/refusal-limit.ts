import type { ErrorCode } from "@rollcall/contracts";
import type { FastifyRequest } from "fastify";
import { readAddressKey } from "./client-address.ts";
import { createEventCounter } from "./event-counter.ts";

const mostRefused = 3_000;
const windowMs = 60_000;

/**
 * Answers that show a caller without a right to the route, or a request that nothing could answer. A 408 is not among
 * them, because a process that was frozen answers it to good requests. A 429 for a user is not, because an app's server
 * is one address for all of its users.
 */
const refusedStatuses = new Set([400, 401, 403, 405, 413, 414, 415, 431]);

/** Limits the addresses whose calls are refused. Good calls are never counted. */
export type RefusalLimit = {
  /** Counts an answer if it was a refusal. */
  record(request: FastifyRequest, answer: { status: number; code: ErrorCode | undefined }): void;
  /** Milliseconds until the caller's next call is answered; 0 while its address is below the limit. */
  readWaitMs(request: FastifyRequest): number;
};

/** More than 3000 refused calls of an address within a minute: its next calls are answered 429 until the minute is over. */
export function createRefusalLimit(): RefusalLimit {
  const refused = createEventCounter(windowMs);
  return {
    record: (request, { status, code }) => {
      if (refusedStatuses.has(status) || code === "request.not_found") refused.add(readAddressKey(request));
    },
    readWaitMs: (request) => {
      if (refused.isEmpty()) return 0;
      const key = readAddressKey(request);
      return refused.read(key) > mostRefused ? Math.max(1, refused.readMsLeft(key)) : 0;
    },
  };
}
