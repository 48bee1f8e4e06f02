import cors from "@fastify/cors";
import { type SessionIdentity, SessionRefusal } from "@rollcall/clerk";
import {
  AppError,
  type EnsurePending,
  type EnsureReady,
  type ErrorCode,
  ensureBody,
} from "@rollcall/contracts";
import type { Tables } from "@rollcall/db";
import { answerError, answerLimited, createEventCounter, createOriginLog } from "@rollcall/runtime";
import { type EnsureResult, ensureUser } from "@rollcall/sync";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "./context.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The caller of ensure. */
    identity?: SessionIdentity;
  }
  interface FastifyReply {
    /** The result of an ensure call, for its count. */
    outcome?: string;
  }
}

/** Tools for tracing add these headers to each request of a page. A missing one would block the login of their users. */
const tracingHeaders = [
  ...["traceparent", "tracestate", "baggage", "sentry-trace"],
  ...["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"],
  ...["x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin", "x-datadog-sampling-priority"],
  ...["x-datadog-tags", "newrelic", "elastic-apm-traceparent", "request-id", "request-context"],
];

export const ensurePath = "/api/ensure";

const callsPerMinute = 300;

/**
 * `POST /api/ensure`. The user id comes from the session token alone; a body may only repeat it.
 *
 * @param scope has the route's whole path as its prefix, because CORS answers every OPTIONS below it
 */
export async function registerEnsureRoute(scope: FastifyInstance, context: ApiContext): Promise<void> {
  noteRefusedOrigins(scope, context);
  await scope.register(cors, {
    origin: context.config.CLERK_AUTHORIZED_PARTIES,
    methods: ["POST"],
    allowedHeaders: ["authorization", "content-type", ...tracingHeaders],
    exposedHeaders: ["retry-after"],
    maxAge: 600,
  });
  // After CORS, so that a page can read the 429.
  scope.addHook("onRequest", (request, reply, done) => {
    if (!answerLimited(context, request, reply)) done();
  });
  scope.decorateRequest("identity");
  const calls = createEventCounter(60_000);

  acceptEmptyBody(scope);
  countOutcomes(scope, context);
  scope.post("/", {
    prefixTrailingSlash: "no-slash",
    // Before the body is read, so that an unauthenticated caller gets no hints about the body.
    onRequest: async (request) => {
      request.identity = await authenticate(context, request);
    },
    handler: async (request, reply) => {
      const identity = getIdentity(request);
      checkBody(request.body, identity);
      const { clerkId, clerkOrgId } = identity;
      if (calls.add(clerkId) > callsPerMinute) {
        const retryAfterMs = calls.readMsLeft(clerkId);
        return answerError(context, request, reply, "request.rate_limited", { retryAfterMs });
      }
      const result = await ensureUser(context.ensure, clerkId, clerkOrgId);
      reply.outcome = nameOutcome(result);
      return answer(context, request, reply, result);
    },
  });
}

/**
 * Logs each origin that CORS refuses, once, and counts its preflights. The browser then never calls ensure, so nothing
 * else would show that the logins of a whole app fail.
 */
function noteRefusedOrigins(scope: FastifyInstance, { config, log, metrics }: ApiContext): void {
  const logOrigin = createOriginLog(log);
  scope.addHook("onRequest", (request, _reply, done) => {
    const { origin } = request.headers;
    if (origin !== undefined && !config.CLERK_AUTHORIZED_PARTIES.includes(origin)) {
      logOrigin(request, origin);
      if (request.method === "OPTIONS") metrics.count("rollcall_ensure_total", { outcome: "origin_refused" });
    }
    done();
  });
}

/** Counts every answer to a call, whichever part of the api made it: by the result that the route sets, else by the code. */
function countOutcomes(scope: FastifyInstance, { metrics }: ApiContext): void {
  scope.decorateReply("outcome");
  scope.addHook("onResponse", (request, reply, done) => {
    if (request.method === "POST") {
      const outcome = reply.outcome ?? nameRefusal(reply.errorCode, request.refusal?.reason);
      metrics.count("rollcall_ensure_total", { outcome });
    }
    done();
  });
}

function getIdentity({ identity }: FastifyRequest): SessionIdentity {
  if (!identity) throw new AppError("unauthenticated", "The request is not authenticated");
  return identity;
}

function nameRefusal(code: ErrorCode = "internal", reason: string | undefined): string {
  return code === "unauthenticated" && reason !== undefined ? `${code}.${reason}` : code;
}

function nameOutcome(result: EnsureResult): string {
  return result.kind === "refused" || result.kind === "unavailable" ? result.code : result.kind;
}

async function authenticate(context: ApiContext, request: FastifyRequest): Promise<SessionIdentity> {
  const [scheme, token] = request.headers.authorization?.split(" ") ?? [];
  if (scheme?.toLowerCase() !== "bearer" || !token) throw new SessionRefusal("missing");
  return context.verifySession(token);
}

function checkBody(body: unknown, identity: SessionIdentity): void {
  const read = ensureBody.safeParse(body ?? {});
  if (!read.success) throw new AppError("request.malformed", "The body is not {userId?}");
  const { userId } = read.data;
  if (userId !== undefined && userId !== identity.clerkId) {
    throw new AppError("user.forbidden", "The body and the token name different users");
  }
  if (identity.pending) throw new AppError("session.pending", "The session has unfinished tasks");
}

/** An empty body is no body, whatever type a client names for it, or none. */
function acceptEmptyBody(scope: FastifyInstance): void {
  const parseJson = scope.getDefaultJsonParser("error", "error");
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else parseJson(request, String(body), done);
  });
  scope.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
    if (body === "") done(null, undefined);
    else done(new AppError("request.unsupported_media_type", "The body is not JSON"));
  });
  scope.addHook("onRequest", (request, _reply, done) => {
    // Fastify refuses a type that it cannot read before it looks at the body.
    if (request.headers["content-length"] === "0") delete request.headers["content-type"];
    done();
  });
}

function answer(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  result: EnsureResult,
): FastifyReply {
  const path = "path" in result ? result.path : "queue";
  context.metrics.observe("rollcall_ensure_seconds", { path }, reply.elapsedTime / 1_000);
  switch (result.kind) {
    case "ready":
      return reply.send(toReadyBody(result, context.pool.tables));
    case "pending":
      return reply
        .code(202)
        .header("retry-after", "1")
        .send({ success: false, status: "pending" } satisfies EnsurePending);
    case "refused":
    case "unavailable":
      return answerError(context, request, reply, result.code);
    default:
      return result satisfies never;
  }
}

/**
 * The profile has its name as its key. An app without profiles has no such key, and none without organizations has the key of
 * the active one.
 */
function toReadyBody(
  { session: { user, mentorado }, organization, created, stale }: Extract<EnsureResult, { kind: "ready" }>,
  { profile, organizations }: Pick<Tables, "profile" | "organizations">,
): Pick<EnsureReady, "success" | "created" | "stale" | "organization"> & Record<string, unknown> {
  const named = profile ? { [profile.name]: mentorado } : {};
  const active = organizations ? { organization: organization ?? null } : {};
  return { success: true, created, user, ...named, ...active, ...(stale ? { stale } : {}) };
}
