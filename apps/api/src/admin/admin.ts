import { setTimeout as sleep } from "node:timers/promises";
import basicAuth from "@fastify/basic-auth";
import helmet from "@fastify/helmet";
import { AppError, type ErrorCode } from "@rollcall/contracts";
import { answerError, createEventCounter, isSameSecret, readAddressKey } from "@rollcall/runtime";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "../context.ts";
import type { Operator } from "./access/operator.ts";
import { registerAdminRoutes } from "./admin-routes.ts";
import { registerBoard } from "./board.ts";

/** Wrong passwords that cost nothing but themselves. From then on, each attempt waits before it is looked at. */
const freePerMinute = { address: 20, total: 100 } as const;
const waitPerExcessMs = 10;
const longestWaitMs = 2_000;

/**
 * The routes for operators. Without ADMIN_PASSWORD nothing is registered, so every path answers 404. With it the guard
 * covers both prefixes whole, unknown paths included.
 */
export function registerAdmin(app: FastifyInstance, context: ApiContext): void {
  const { ADMIN_PASSWORD: password, ADMIN_USERNAME: username } = context.config;
  if (password === undefined) return;
  // One for both prefixes: with two, an address could guess twice as often.
  const guesses = createGuesses();
  app.register(async (both) => {
    for (const prefix of ["/admin", "/api/admin"]) {
      both.register(
        async (scope) => {
          await scope.register(helmet, { contentSecurityPolicy: { directives: contentSecurityPolicy } });
          await guard(scope, context, { username, password, guesses });
          scope.setNotFoundHandler(() => {
            throw new AppError("request.not_found", "No such admin page");
          });
          if (prefix === "/admin") await registerBoard(scope, context, `${prefix}/queues`);
          else registerAdminRoutes(scope, context, prefix);
        },
        { prefix },
      );
    }
  });
}

type Guesses = {
  /** How long an attempt from `address` waits before its password is looked at. */
  beginAttempt(address: string): number;
  endAttempt(address: string): void;
  /** @returns milliseconds until the address may guess again, if this wrong password was one too many */
  countWrong(address: string): number | undefined;
};

/**
 * Wrong passwords of the last minute, by address and in total. Attempts are slowed down and never refused unseen, because
 * behind one proxy an operator and a guesser may have the same address. The wait comes before the comparison: if it came
 * after a wrong one, a guesser would know the result at once.
 */
function createGuesses(): Guesses {
  const wrong = createEventCounter(60_000);
  const waiting = new Map<string, number>();
  const total = "all addresses";
  const excess = (key: string, free: number) => wrong.read(key) + (waiting.get(key) ?? 0) - free;
  const addWaiting = (key: string, by: number) => {
    const count = (waiting.get(key) ?? 0) + by;
    if (count > 0) waiting.set(key, count);
    else waiting.delete(key);
  };
  return {
    beginAttempt: (address) => {
      const over = Math.max(0, excess(address, freePerMinute.address), excess(total, freePerMinute.total));
      for (const key of [address, total]) addWaiting(key, 1);
      return Math.min(over * waitPerExcessMs, longestWaitMs);
    },
    endAttempt: (address) => {
      for (const key of [address, total]) addWaiting(key, -1);
    },
    countWrong: (address) => {
      wrong.add(total);
      return wrong.add(address) > freePerMinute.address ? wrong.readMsLeft(address) : undefined;
    },
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
  expected: { username: string; password: string; guesses: Guesses },
): Promise<void> {
  await scope.register(basicAuth, {
    authenticate: { realm: "Rollcall" },
    validate: async (username, password) => {
      // Both are compared, so that the time does not reveal which one was wrong.
      const matches = [isSameSecret(username, expected.username), isSameSecret(password, expected.password)];
      if (!matches.every(Boolean)) throw new AppError("admin.unauthenticated", "Wrong user name or password");
    },
  });
  const operator: Operator = { name: expected.username, role: "admin", sessionId: null };
  scope.addHook("onRequest", async (request, reply) => {
    // Answered here instead of thrown, because the board's own error handler would answer 500.
    const refusal = await findRefusal(request, reply);
    return refusal && answerError(context, request, reply, refusal.code, refusal);
  });

  async function findRefusal(request: FastifyRequest, reply: FastifyReply): Promise<Refusal | undefined> {
    // A browser's first request has no password, which does not count as a wrong one.
    if (request.headers.authorization === undefined) {
      await isRight(request, reply);
      return { code: "admin.unauthenticated" };
    }
    const address = readAddressKey(request);
    try {
      const waitMs = expected.guesses.beginAttempt(address);
      if (waitMs > 0) await sleep(waitMs);
      // A guesser that does not wait for the answer does not get one.
      if (request.socket.destroyed) return { code: "admin.unauthenticated" };
      if (await isRight(request, reply)) {
        request.operator = operator;
        return isCrossSiteWrite(request) ? { code: "admin.cross_site" } : undefined;
      }
      const retryAfterMs = expected.guesses.countWrong(address);
      return retryAfterMs === undefined
        ? { code: "admin.unauthenticated" }
        : { code: "request.rate_limited", retryAfterMs };
    } finally {
      expected.guesses.endAttempt(address);
    }
  }

  function isRight(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    return new Promise((resolve) => scope.basicAuth(request, reply, (failure) => resolve(!failure)));
  }
}

type Refusal = { code: ErrorCode; retryAfterMs?: number };

/** A browser adds the password also to requests that another site makes it send. */
function isCrossSiteWrite(request: FastifyRequest): boolean {
  if (request.method === "GET" || request.method === "HEAD") return false;
  const { "sec-fetch-site": site, origin, host } = request.headers;
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}
