import { loginRequest, type SessionAnswer } from "@rollcall/contracts";
import { closeAdminSession } from "@rollcall/db";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../../context.ts";
import { readInput } from "../admin-route.ts";
import type { Access } from "./access.ts";
import { requireToken } from "./guard.ts";
import { answerSession } from "./session-answer.ts";
import { clearSessionCookie, setSessionCookie } from "./session-cookie.ts";

/** The longest name and password, with every character escaped. */
const bodyLimit = 16 * 1024;

/** `POST /admin/login` and `POST /admin/logout`. They are outside the guard, because a session begins and ends here. */
export function registerLoginRoutes(scope: FastifyInstance, context: ApiContext, access: Access): void {
  const { pool, log } = context;

  scope.post("/login", { bodyLimit }, async (request, reply): Promise<SessionAnswer> => {
    const account = await access.checkPassword(request, readInput(loginRequest, request.body));
    const { session, csrf, cookie } = await access.openSession(request, account);
    setSessionCookie(request, reply, cookie);
    const { name, role } = account;
    log.info(
      { event: "operator_logged_in", requestId: request.id, by: name, sessionId: session.id },
      "An operator logged in",
    );
    return answerSession(context, { name, role, csrf, expiresAt: session.expiresAt });
  });

  scope.post("/logout", async (request, reply) => {
    // While Postgres is down this fails, and the browser keeps the cookie of a session that is still open.
    const open = await access.findSession(request);
    if (open) {
      const { account, session, csrf } = open;
      request.operator = { name: account.name, role: account.role, sessionId: session.id };
      requireToken(request, csrf);
      const by = account.name;
      await closeAdminSession(pool, { id: session.id, by, kind: "operator_logged_out" });
      log.info(
        { event: "operator_logged_out", requestId: request.id, by, sessionId: session.id },
        "An operator logged out",
      );
    }
    clearSessionCookie(reply);
    return reply.code(204).send();
  });
}
