import basicAuth from "@fastify/basic-auth";
import { type AdminRole, AppError } from "@rollcall/contracts";
import { answerError, isSameSecret } from "@rollcall/runtime";
import { countPostgresError } from "@rollcall/sync";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ApiContext } from "../../context.ts";
import type { Access, OpenSession } from "./access.ts";
import type { Account } from "./accounts.ts";
import { readOperator, requireRole } from "./operator.ts";
import { hasSessionCookie } from "./session-cookie.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The session of a request that the guard let pass by its cookie. */
    adminSession?: { csrf: string; expiresAt: string };
  }
}

export type GuardOptions = {
  access: Access;
  /** The lowest role that may make the request. Routes of the JSON API declare theirs themselves. */
  decideRole(request: FastifyRequest): AdminRole;
  /** Where a browser without a session that opens a page goes. Undefined: it gets the error. */
  loginPath: string | undefined;
  /** Whether a program learns by `WWW-Authenticate` how to log in. A browser would ask for the password itself. */
  challenges: boolean;
};

/** Refuses every request of the scope that comes from another site, before anything else is looked at. */
export function refuseOtherSites(scope: FastifyInstance, context: ApiContext): void {
  scope.addHook("onRequest", async (request, reply) =>
    isFromOtherSite(request) ? answerError(context, request, reply, "admin.cross_site") : undefined,
  );
}

/** Lets only operators pass, unknown paths of the scope included. */
export async function guard(
  scope: FastifyInstance,
  context: ApiContext,
  options: GuardOptions,
): Promise<void> {
  const { access, decideRole, loginPath, challenges } = options;
  const accountsByRequest = new WeakMap<FastifyRequest, Account>();
  await scope.register(basicAuth, {
    validate: async (name, password, request) =>
      void accountsByRequest.set(request, await access.checkPassword(request, { name, password })),
  });
  scope.addHook("onRequest", async (request, reply) => {
    try {
      await admit(request, reply);
      requireRole(readOperator(request), decideRole(request));
      return undefined;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return refuse(request, reply, error);
    }
  });

  /** @throws AppError if the request may not pass */
  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const open = await findSession(request);
    if (open) {
      const { account, csrf, session } = open;
      request.operator = { name: account.name, role: account.role, sessionId: session.id };
      request.adminSession = { csrf, expiresAt: session.expiresAt };
      if (isWrite(request)) requireToken(request, csrf);
      return;
    }
    const { name, role } = await readBasic(request, reply);
    request.operator = { name, role, sessionId: null };
  }

  async function findSession(request: FastifyRequest): Promise<OpenSession | undefined> {
    try {
      return await access.findSession(request);
    } catch (error) {
      // The password needs no Postgres.
      if (request.headers.authorization === undefined) throw error;
      countPostgresError(context.metrics, error);
      return undefined;
    }
  }

  async function readBasic(request: FastifyRequest, reply: FastifyReply): Promise<Account> {
    if (request.headers.authorization === undefined) throw withoutCredentials();
    const failure = await new Promise<unknown>((resolve) => scope.basicAuth(request, reply, resolve));
    const account = accountsByRequest.get(request);
    if (failure === undefined && account) return account;
    throw failure instanceof AppError ? failure : withoutCredentials();
  }

  // Answered here instead of thrown, because the board's own error handler would answer 500.
  function refuse(request: FastifyRequest, reply: FastifyReply, error: AppError): FastifyReply {
    request.refusal = error;
    countPostgresError(context.metrics, error);
    if (error.code === "admin.unauthenticated") {
      if (loginPath !== undefined && opensPage(request))
        return reply.redirect(`${loginPath}?return=${encodeURIComponent(request.url)}`);
      if (challenges && isProgram(request))
        reply.header("www-authenticate", 'Basic realm="Rollcall", charset="UTF-8"');
    }
    return answerError(context, request, reply, error.code, error);
  }
}

/** @throws AppError `admin.csrf` */
export function requireToken(request: FastifyRequest, csrf: string): void {
  // The board's page sends its own header: see setBoardToken.
  const { "x-csrf-token": own, "x-xsrf-token": ofBoard } = request.headers;
  const given = own ?? ofBoard;
  if (typeof given === "string" && isSameSecret(given, csrf)) return;
  const by = request.operator?.name ?? "an operator";
  throw new AppError("admin.csrf", `A write by the session of ${by} without its CSRF token`);
}

function withoutCredentials(): AppError {
  return new AppError("admin.unauthenticated", "No session and no password", { reason: "none" });
}

function isWrite({ method }: FastifyRequest): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "OPTIONS";
}

/** A browser adds cookie and password also to requests that another site makes it send. */
function isFromOtherSite(request: FastifyRequest): boolean {
  const {
    "sec-fetch-site": site,
    "sec-fetch-mode": mode,
    "sec-fetch-dest": dest,
    origin,
    host,
  } = request.headers;
  // A link to a page may stand on any site. A preflight does nothing, and its answer allows nothing.
  if (!isWrite(request)) {
    const isLink = mode === "navigate" && (dest === undefined || dest === "document");
    return request.method !== "OPTIONS" && !isLink && (site === "cross-site" || site === "same-site");
  }
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}

/** Whether a person opens an address in a browser, and sent no password with it. */
function opensPage(request: FastifyRequest): boolean {
  const isRead = request.method === "GET" || request.method === "HEAD";
  return isRead && request.headers.authorization === undefined && acceptsHtml(request);
}

/** A browser would show its own dialog for the password, in the middle of a page. */
function isProgram(request: FastifyRequest): boolean {
  const { "sec-fetch-site": site, "x-rollcall-console": console } = request.headers;
  return site === undefined && console === undefined && !acceptsHtml(request) && !hasSessionCookie(request);
}

function acceptsHtml(request: FastifyRequest): boolean {
  return request.headers.accept?.includes("text/html") ?? false;
}
