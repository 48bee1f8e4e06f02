import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import type { SessionIdentity } from "@rollcall/clerk";
import { AppError, type EnsurePending, type EnsureReady, ensureBody } from "@rollcall/contracts";
import { answerError, answerLimited } from "@rollcall/runtime";
import { type EnsureResult, ensureUser } from "@rollcall/sync";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "./context.ts";

export const ensurePath = "/api/ensure";

const callsPerMinute = 300;

/**
 * `POST /api/ensure`. The user id comes from the session token alone; a body may only repeat it.
 *
 * @param scope has the route's whole path as its prefix, because CORS answers every OPTIONS below it
 */
export async function registerEnsureRoute(scope: FastifyInstance, context: ApiContext): Promise<void> {
  await scope.register(cors, {
    origin: context.config.CLERK_AUTHORIZED_PARTIES,
    methods: ["POST"],
    allowedHeaders: ["authorization", "content-type"],
    exposedHeaders: ["retry-after"],
    maxAge: 600,
  });
  // After CORS, so that a page can read the 429.
  scope.addHook("onRequest", (request, reply, done) => {
    if (!answerLimited(context, request, reply)) done();
  });
  await scope.register(rateLimit, { global: false });
  const identities = new WeakMap<FastifyRequest, SessionIdentity>();
  const getIdentity = (request: FastifyRequest): SessionIdentity => {
    const identity = identities.get(request);
    if (!identity) throw new AppError("unauthenticated", "The request is not authenticated");
    return identity;
  };
  const checkLimit = scope.createRateLimit({
    max: callsPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => getIdentity(request).clerkId,
  });

  acceptEmptyBody(scope);
  scope.post("/", {
    prefixTrailingSlash: "no-slash",
    // Before the body is read, so that an unauthenticated caller gets no hints about the body.
    onRequest: async (request) => {
      identities.set(request, await authenticate(context, request));
    },
    handler: async (request, reply) => {
      const identity = getIdentity(request);
      checkBody(request.body, identity);
      const limit = await checkLimit(request);
      if (!limit.isAllowed && limit.isExceeded) {
        const retryAfterMs = limit.ttlInSeconds * 1_000;
        return answerError(context, request, reply, "request.rate_limited", { retryAfterMs });
      }
      return answer(context, request, reply, await ensureUser(context.ensure, identity.clerkId));
    },
  });
}

async function authenticate(context: ApiContext, request: FastifyRequest): Promise<SessionIdentity> {
  const [scheme, token] = request.headers.authorization?.split(" ") ?? [];
  if (scheme?.toLowerCase() !== "bearer" || !token) throw new AppError("unauthenticated", "No bearer token");
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
  const outcome = result.kind === "refused" || result.kind === "unavailable" ? result.code : result.kind;
  context.metrics.count("rollcall_ensure_total", { outcome });
  context.metrics.observe("rollcall_ensure_seconds", { path }, reply.elapsedTime / 1_000);
  switch (result.kind) {
    case "ready":
      return reply.send(toReadyBody(result));
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

function toReadyBody({ session, created, stale }: Extract<EnsureResult, { kind: "ready" }>): EnsureReady {
  return { success: true, created, ...session, ...(stale ? { stale } : {}) };
}
