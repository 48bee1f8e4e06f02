import { type AdminRole, AppError, mayAct } from "@rollcall/contracts";
import type { FastifyRequest } from "fastify";

/** The operator behind a request, as the guard found it. */
export type Operator = {
  /** Stands in the timeline as the author of each change. */
  name: string;
  role: AdminRole;
  /** The session of a browser; null for a caller that sent its password by Basic. */
  sessionId: number | null;
};

declare module "fastify" {
  interface FastifyRequest {
    /** Set by the guard for each request that it lets pass. */
    operator?: Operator;
  }
}

/** A request that the guard let pass. */
export type AdminRequest = FastifyRequest & { operator: Operator };

/**
 * For a route whose body decides which role it needs. Other routes declare their role.
 *
 * @throws AppError `admin.forbidden`
 */
export function requireRole(operator: Operator, needed: AdminRole): void {
  if (mayAct(operator.role, needed)) return;
  throw new AppError("admin.forbidden", `The operator's role is ${operator.role}, and ${needed} is needed`, {
    reason: needed,
  });
}

/** @throws AppError `admin.unauthenticated` for a request that passed no guard: a route outside of it stays closed */
export function readOperator(request: FastifyRequest): Operator {
  if (request.operator) return request.operator;
  throw new AppError("admin.unauthenticated", "The request passed no guard");
}
