import { AppError, listOf, mayAct, operatorView, sessionAnswer } from "@rollcall/contracts";
import { closeAdminSession, listAdminSessions } from "@rollcall/db";
import { z } from "zod";
import { requireRole } from "./access/operator.ts";
import { answerSession } from "./access/session-answer.ts";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const sessionParams = z.object({ id: z.coerce.number().int().positive() });

export const operatorRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/session",
    role: "viewer",
    summary: "The operator behind the request, with the CSRF token of the session.",
    answer: sessionAnswer,
    run: async (context, _input, { operator: { name, role }, adminSession }) =>
      answerSession(context, {
        name,
        role,
        csrf: adminSession?.csrf ?? "",
        expiresAt: adminSession?.expiresAt ?? null,
      }),
  }),
  defineRoute({
    method: "GET",
    path: "/operators",
    role: "viewer",
    summary: "Every account of this api, with its role and its open sessions.",
    answer: listOf(operatorView),
    run: async ({ pool, access }, _input, { operator }) => {
      const accounts = access?.accounts ?? [];
      const hashes = await Promise.all(accounts.map((account) => account.readHash()));
      const sessions = await listAdminSessions(pool, hashes);
      const items = accounts.map(({ name, role, source }) => ({
        ...{ name, role, source },
        sessions: sessions
          .filter((session) => session.operator === name)
          .map(({ operator: _, ...session }) => ({ ...session, current: session.id === operator.sessionId })),
      }));
      return { items, nextCursor: null };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/sessions/:id/revoke",
    role: "viewer",
    summary: "Ends a session at once. An admin may end each one, and other operators their own.",
    params: sessionParams,
    status: 204,
    run: async ({ pool, log }, { params: { id } }, { operator, id: requestId }) => {
      const mayEndEach = mayAct(operator.role, "admin");
      const ended = await closeAdminSession(pool, {
        id,
        by: operator.name,
        ofOperator: mayEndEach ? undefined : operator.name,
        kind: "operator_session_revoked",
      });
      if (!ended) {
        // The answer must not tell whether another operator has such a session.
        requireRole(operator, "admin");
        throw new AppError("admin.session_unknown", `There is no open session ${id}`);
      }
      log.info(
        {
          event: "operator_session_revoked",
          requestId,
          by: operator.name,
          of: ended.operator,
          sessionId: id,
        },
        "A session was revoked",
      );
    },
  }),
];
