import helmet from "@fastify/helmet";
import { AppError } from "@rollcall/contracts";
import { pruneAdminSessions } from "@rollcall/db";
import { startPeriodicTask } from "@rollcall/runtime";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import type { Access } from "./access/access.ts";
import { guard, refuseOtherSites } from "./access/guard.ts";
import { registerLoginRoutes } from "./access/login-routes.ts";
import { registerAdminRoutes } from "./admin-routes.ts";
import { registerBoard } from "./board.ts";
import { type ConsoleFiles, registerConsole } from "./console-files.ts";

const consolePath = "/admin";
const loginPath = `${consolePath}/login`;
const boardPath = `${consolePath}/queues`;
const apiPath = "/api/admin";

const pruneEveryMs = 60 * 60_000;

/**
 * The surface for operators: the console, its JSON API and the board. While no account is configured nothing is
 * registered, so every path answers 404.
 *
 * @param files undefined: the console is not built
 */
export function registerAdmin(
  app: FastifyInstance,
  context: ApiContext,
  files: ConsoleFiles | undefined,
): void {
  const { access } = context;
  if (!access) return;
  app.register(async (surface) => {
    surface.decorateRequest("operator");
    surface.decorateRequest("adminSession");
    refuseOtherSites(surface, context);
    surface.register((scope) => registerPages(scope, context, access, files), { prefix: consolePath });
    surface.register((scope) => registerGuardedBoard(scope, context, access, files), { prefix: boardPath });
    surface.register((scope) => registerApi(scope, context, access), { prefix: apiPath });
    pruneSessions(surface, context, access);
  });
}

/** Login, logout and the console's files. */
async function registerPages(
  scope: FastifyInstance,
  context: ApiContext,
  access: Access,
  files: ConsoleFiles | undefined,
): Promise<void> {
  await scope.register(helmet, { contentSecurityPolicy: nothing, frameguard });
  answerNotFound(scope, "No such page of the console");
  registerLoginRoutes(scope, context, access);
  if (files) await scope.register((page) => registerConsole(page, files));
}

async function registerGuardedBoard(
  scope: FastifyInstance,
  context: ApiContext,
  access: Access,
  files: ConsoleFiles | undefined,
): Promise<void> {
  await scope.register(helmet, { contentSecurityPolicy: { directives: contentSecurityPolicy }, frameguard });
  await guard(scope, context, {
    access,
    // What the board writes concerns the queues of all users.
    decideRole: ({ method }) => (method === "GET" || method === "HEAD" ? "viewer" : "admin"),
    loginPath: files && loginPath,
    challenges: false,
  });
  answerNotFound(scope, "No such page of the board");
  await registerBoard(scope, context, boardPath);
}

async function registerApi(scope: FastifyInstance, context: ApiContext, access: Access): Promise<void> {
  await scope.register(helmet, { contentSecurityPolicy: nothing, frameguard });
  await guard(scope, context, { access, decideRole: () => "viewer", loginPath: undefined, challenges: true });
  answerNotFound(scope, "No such route of the admin API");
  registerAdminRoutes(scope, context, apiPath);
}

const frameguard = { action: "deny" } as const;

/** For answers that are no page. */
const nothing = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
};

/** The board has inline styles. Nothing may be loaded from another origin, fonts included. */
const contentSecurityPolicy = {
  defaultSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  imgSrc: ["'self'", "data:"],
  fontSrc: ["'self'"],
  frameAncestors: ["'none'"],
  upgradeInsecureRequests: null,
};

/** Also for GET, which would otherwise be a page of the console. */
function answerNotFound(scope: FastifyInstance, message: string): void {
  scope.setNotFoundHandler(() => {
    throw new AppError("request.not_found", message);
  });
}

/** Ends the sessions of accounts that the configuration of today lacks, and deletes those that are over. */
function pruneSessions(scope: FastifyInstance, context: ApiContext, { accounts }: Access): void {
  const task = { name: "admin_sessions", everyMs: pruneEveryMs, startsAtOnce: true };
  const stop = startPeriodicTask(context, task, async () => {
    const hashes = await Promise.all(accounts.map((account) => account.readHash()));
    const ended = await pruneAdminSessions(context.pool, hashes);
    if (ended === 0) return;
    context.log.info(
      { event: "operator_sessions_ended", sessions: ended },
      "Sessions ended: their accounts are gone, or have another role or password",
    );
  });
  scope.addHook("onClose", stop);
}
