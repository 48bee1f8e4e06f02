import basicAuth from "@fastify/basic-auth";
import helmet from "@fastify/helmet";
import rateLimit from "@fastify/rate-limit";
import { AppError, type ErrorCode } from "@rollcall/contracts";
import { isSameSecret } from "@rollcall/runtime";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "../context.ts";
import { answerError } from "../error-answers.ts";
import { registerAdminRoutes } from "./admin-routes.ts";
import { registerBoard } from "./board.ts";

const wrongPasswordsPerMinute = 20;

/**
 * The routes for operators. Without ADMIN_PASSWORD nothing is registered, so every path answers 404. With it the guard
 * covers both prefixes whole, unknown paths included.
 */
export function registerAdmin(app: FastifyInstance, context: ApiContext): void {
  const { ADMIN_PASSWORD: password, ADMIN_USERNAME: username } = context.config;
  if (password === undefined) return;
  app.register(async (both) => {
    const countWrongPassword = await createWrongPasswordLimit(both);
    const decideInTurn = createTurns();
    for (const prefix of ["/admin", "/api/admin"]) {
      both.register(
        async (scope) => {
          await scope.register(helmet, { contentSecurityPolicy: { directives: contentSecurityPolicy } });
          await guard(scope, context, { username, password, countWrongPassword, decideInTurn });
          scope.setNotFoundHandler(() => {
            throw new AppError("request.not_found", "No such admin page");
          });
          // Answers hold personal data. Only the board's own files set another cache-control.
          scope.addHook("onSend", async (_request, reply) => {
            if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
          });
          if (prefix === "/admin") await registerBoard(scope, context, `${prefix}/queues`);
          else registerAdminRoutes(scope, context, prefix);
        },
        { prefix },
      );
    }
  });
}

type Limit = ReturnType<FastifyInstance["createRateLimit"]>;

/** One limit for both prefixes: with two, an address could guess twice as often. */
async function createWrongPasswordLimit(scope: FastifyInstance): Promise<Limit> {
  await scope.register(rateLimit, { global: false });
  return scope.createRateLimit({
    max: wrongPasswordsPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => request.ip,
  });
}

type Turns = <Decision>(decide: () => Promise<Decision>) => Promise<Decision>;

/** Decides one request after the other, so that parallel guesses are counted before the next one is decided. */
function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (decide) => {
    const decided = last.then(decide);
    last = decided.catch(() => undefined);
    return decided;
  };
}

/** The board has inline styles. Nothing may be loaded from another origin, fonts included. */
const contentSecurityPolicy = {
  defaultSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", "data:"],
  fontSrc: ["'self'"],
  frameAncestors: ["'none'"],
  upgradeInsecureRequests: null,
};

async function guard(
  scope: FastifyInstance,
  context: ApiContext,
  expected: { username: string; password: string; countWrongPassword: Limit; decideInTurn: Turns },
): Promise<void> {
  const { countWrongPassword, decideInTurn } = expected;
  await scope.register(basicAuth, {
    authenticate: { realm: "Rollcall" },
    validate: async (username, password) => {
      // Both are compared, so that the time does not reveal which one was wrong.
      const matches = [isSameSecret(username, expected.username), isSameSecret(password, expected.password)];
      if (!matches.every(Boolean)) throw new AppError("admin.unauthenticated", "Wrong user name or password");
    },
  });
  scope.addHook("onRequest", async (request, reply) => {
    // Answered here instead of thrown, because the board's own error handler would answer 500.
    const refusal = await decideInTurn(() => findRefusal(request, reply));
    return refusal && answerError(context, request, reply, refusal.code, refusal);
  });

  async function findRefusal(request: FastifyRequest, reply: FastifyReply): Promise<Refusal | undefined> {
    const before = findExceeded(await countWrongPassword(request, { increment: false }));
    if (before) return before;
    const failure = await new Promise<Error | undefined>((resolve) =>
      scope.basicAuth(request, reply, resolve),
    );
    if (!failure) return isCrossSiteWrite(request) ? { code: "admin.cross_site" } : undefined;
    // A browser's first request has no password, which does not count as a wrong one.
    const counts = request.headers.authorization !== undefined;
    const exceeded = counts ? findExceeded(await countWrongPassword(request)) : undefined;
    return exceeded ?? { code: "admin.unauthenticated" };
  }
}

type Refusal = { code: ErrorCode; retryAfterMs?: number };

function findExceeded(state: Awaited<ReturnType<Limit>>): Refusal | undefined {
  if (state.isAllowed || !state.isExceeded) return undefined;
  return { code: "request.rate_limited", retryAfterMs: state.ttlInSeconds * 1_000 };
}

/** A browser adds the password also to requests that another site makes it send. */
function isCrossSiteWrite(request: FastifyRequest): boolean {
  if (request.method === "GET" || request.method === "HEAD") return false;
  const { "sec-fetch-site": site, origin, host } = request.headers;
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}
