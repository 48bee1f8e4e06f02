import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { registerConflictRoutes } from "./conflict-routes.ts";
import { registerUserRoutes } from "./user-routes.ts";

/** The JSON behind `/api/admin`; who is asking was checked by the guard before. */
export function registerAdminRoutes(scope: FastifyInstance, context: ApiContext): void {
  registerConflictRoutes(scope, context);
  registerUserRoutes(scope, context);
}
