import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { OrganizationStore } from "../organizations/organization-store.ts";
import type { Random } from "../random.ts";
import type { UserStore } from "../users/user-store.ts";
import { ClerkApiError, errorBody, tooManyRequests } from "./api-error.ts";
import type { FaultInput, Faults } from "./faults.ts";
import type { RateLimiter } from "./rate-limit.ts";
import type { RequestLog } from "./request-log.ts";

/**
 * A request as an API route receives it: HTTP is parsed, and Clerk's parameters are not. The stores have what it reads.
 */
export type ApiRequest = {
  params: URLSearchParams;
  userId: string;
  organizationId: string;
  body: unknown;
  store: UserStore;
  organizationStore: OrganizationStore;
};

/** Returns JSON text, or an empty text for a 204. Throws a `ClerkApiError`. */
export type ApiRoute = (request: ApiRequest) => string;

type Answer = { status: number; body: string; retryAfterS?: number | undefined };

export type GateContext = {
  secretKey: string;
  store: UserStore;
  organizationStore: OrganizationStore;
  faults: Faults;
  limiter: RateLimiter;
  log: RequestLog;
  random: Random;
};

/** Applies the key check, the rate limit, the faults and the request log to an API route. */
export function createGate(context: GateContext) {
  const { log, faults } = context;

  async function pass(route: ApiRoute, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const [path = "", query = ""] = request.url.split("?", 2);
    const apiVersion = request.headers["clerk-api-version"]?.toString() ?? null;
    const entry = log.begin({ method: request.method, path, query, apiVersion });
    const params = new URLSearchParams(query);
    // The routes have no other parameters.
    const { id = "", organization = "" } = request.params as { id?: string; organization?: string };
    const refused = refusal(context, request);
    const target = {
      method: request.method,
      path,
      userIds: idsOf(id, params, "user_id"),
      organizationIds: idsOf(organization, params, "organization_id"),
    };
    const injected = refused === null ? faults.inject(target) : [];
    entry.fault = injected.map((fault) => fault.kind).join("+") || null;
    for (const fault of injected)
      if (fault.kind === "latency") await sleep(fault.ms, undefined, { ref: false });
    const fault = injected.find((candidate) => candidate.kind !== "latency");
    if (fault?.kind === "hang") await faults.whenHealed();
    const { store, organizationStore } = fault?.past ?? context;
    const ids = { userId: id, organizationId: organization };
    const sent = { params, ...ids, body: request.body, store, organizationStore };
    const respond = () => run(context, route, sent);
    const answer = refused ?? faultAnswer(fault, path, respond) ?? respond();
    const broken = fault?.kind === "reset" || fault?.kind === "truncated";
    log.finish(entry, fault?.kind === "reset" ? null : answer.status);
    return broken ? breakOff(reply, fault.kind === "reset" ? null : answer) : send(reply, answer);
  }

  return (route: ApiRoute) => (request: FastifyRequest, reply: FastifyReply) => pass(route, request, reply);
}

/** The ids that a request names, in its path or query. */
function idsOf(id: string, params: URLSearchParams, name: string): string[] {
  return [id, ...params.getAll(name), ...params.getAll(`${name}[]`)].filter((named) => named !== "");
}

function refusal(context: GateContext, request: FastifyRequest): Answer | null {
  if (request.headers.authorization !== `Bearer ${context.secretKey}`) {
    const message =
      "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.";
    return errorAnswer(context, new ClerkApiError(401, "clerk_key_invalid", message));
  }
  const retryAfterS = context.limiter.admit();
  return retryAfterS === null ? null : errorAnswer(context, tooManyRequests(retryAfterS));
}

function run(context: GateContext, route: ApiRoute, request: ApiRequest): Answer {
  try {
    const body = route(request);
    return { status: body === "" ? 204 : 200, body };
  } catch (error) {
    if (error instanceof ClerkApiError) return errorAnswer(context, error);
    throw error;
  }
}

function errorAnswer(context: Pick<GateContext, "random">, error: ClerkApiError): Answer {
  return {
    status: error.status,
    body: errorBody(error, context.random.base62(32)),
    retryAfterS: error.retryAfterS,
  };
}

function faultAnswer(fault: FaultInput | undefined, path: string, respond: () => Answer): Answer | null {
  switch (fault?.kind) {
    case "status": {
      const { status = 500, code = "internal_clerk_error" } = fault;
      const error = new ClerkApiError(status, code, "Something went wrong.");
      return { status: error.status, body: errorBody(error, "trace") };
    }
    case "rate-limit": {
      const error = tooManyRequests(fault.retryAfterS ?? 1);
      return { status: 429, body: errorBody(error, "trace"), retryAfterS: error.retryAfterS };
    }
    case "malformed":
      return { status: 200, body: '{"id":"user_' };
    case "empty-list":
      return { status: 200, body: path === "/v1/users" ? "[]" : '{"data":[],"total_count":0}' };
    case "short-list":
      return halve(respond());
    case "hang":
    case "latency":
    case "stale":
    case "truncated":
    case "reset":
    case undefined:
      return null;
    default:
      return fault satisfies never;
  }
}

/** Of a page with a total, only the entries are halved. */
function halve({ status, body }: Answer): Answer {
  const answer: unknown = JSON.parse(body);
  const half = (list: unknown[]) => list.slice(0, Math.floor(list.length / 2));
  if (Array.isArray(answer)) return { status, body: JSON.stringify(half(answer)) };
  if (!isPage(answer)) return { status, body };
  return { status, body: JSON.stringify({ ...answer, data: half(answer.data) }) };
}

function isPage(answer: unknown): answer is { data: unknown[] } {
  return typeof answer === "object" && answer !== null && "data" in answer && Array.isArray(answer.data);
}

function send(reply: FastifyReply, { status, body, retryAfterS }: Answer): FastifyReply {
  if (retryAfterS !== undefined) reply.header("retry-after", String(retryAfterS));
  if (status === 204) return reply.code(status).send();
  // Bytes, because Fastify adds a charset to text, and Clerk's SDK parses JSON only without a charset.
  return reply.code(status).header("content-type", "application/json").send(Buffer.from(body));
}

function breakOff(reply: FastifyReply, answer: Answer | null): FastifyReply {
  reply.hijack();
  const { raw } = reply;
  if (answer === null) {
    raw.socket?.resetAndDestroy();
    return reply;
  }
  const body = Buffer.from(answer.body);
  raw.writeHead(answer.status, { "content-type": "application/json", "content-length": body.length });
  raw.write(body.subarray(0, Math.floor(body.length / 2)), () => raw.socket?.destroy());
  return reply;
}
