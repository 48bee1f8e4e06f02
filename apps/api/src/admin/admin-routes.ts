import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ApiContext } from "../context.ts";
import { activityRoutes } from "./activity-routes.ts";
import { type AdminRoute, defineRoute } from "./admin-route.ts";
import { bulkRoutes } from "./bulk-routes.ts";
import { conflictRoutes } from "./conflict-routes.ts";
import { deadLetterRoutes } from "./dead-letter-routes.ts";
import { exportRoute } from "./export-route.ts";
import { describeAdminApi } from "./openapi.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { organizationRoutes } from "./organization-routes.ts";
import { runRoutes } from "./run-routes.ts";
import { statusRoutes } from "./status-routes.ts";
import { userRoutes } from "./user-routes.ts";

/** Every route of the admin API, in the order of its document. */
const adminRoutes: readonly AdminRoute[] = [
  ...statusRoutes,
  ...activityRoutes,
  ...userRoutes,
  exportRoute,
  ...bulkRoutes,
  ...organizationRoutes,
  ...deadLetterRoutes,
  ...conflictRoutes,
  ...runRoutes,
  ...operatorRoutes,
];

/** Registers the JSON API below `prefix`, behind the guard. */
export function registerAdminRoutes(scope: FastifyInstance, context: ApiContext, prefix: string): void {
  for (const route of [...adminRoutes, documentRoute(prefix)]) route.register(scope, context);
}

function documentRoute(prefix: string): AdminRoute {
  const route = defineRoute({
    method: "GET",
    path: "/openapi.json",
    role: "viewer",
    summary: "This document.",
    answer: z.record(z.string(), z.unknown()),
    run: async () => document,
  });
  const document = describeAdminApi([...adminRoutes, route], prefix);
  return route;
}
