import { conflictQuery, conflictResolution, conflictView, listOf } from "@rollcall/contracts";
import { listConflicts } from "@rollcall/db";
import { resolveConflict } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const conflictParams = z.object({ id: z.coerce.number().int().positive() });

export const conflictRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/conflicts",
    summary: "Profiles that might be a user's, but that only a person may decide, newest first.",
    query: conflictQuery,
    answer: listOf(conflictView),
    run: async ({ pool }, { query: { state, cursor, limit } }) => {
      const items = await listConflicts(pool, { state, beforeId: cursor, limit });
      const last = items.at(-1);
      return { items, nextCursor: last && items.length === limit ? String(last.id) : null };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/conflicts/:id/resolve",
    summary: "Gives the user one of the candidates, or leaves things as they are.",
    params: conflictParams,
    body: conflictResolution,
    status: 204,
    run: ({ change, config }, { params, body }) =>
      resolveConflict(change, params.id, body, config.ADMIN_USERNAME),
  }),
];
