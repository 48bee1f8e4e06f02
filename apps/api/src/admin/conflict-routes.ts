import {
  conflictDetail,
  conflictQuery,
  conflictResolution,
  conflictResolutionOf,
  listOf,
  namedConflict,
} from "@rollcall/contracts";
import { listNamedConflicts } from "@rollcall/db";
import { explainConflict, resolveConflict } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const conflictParams = z.object({ id: z.coerce.number().int().positive() });

export const conflictRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/conflicts",
    role: "viewer",
    summary: "Profiles that may belong to a user, for an operator to decide, newest first.",
    query: conflictQuery,
    answer: listOf(namedConflict),
    run: async ({ pool }, { query: { state, cursor, limit } }) => {
      const items = await listNamedConflicts(pool, { state, beforeId: cursor, limit });
      const last = items.at(-1);
      return { items, nextCursor: last && items.length === limit ? String(last.id) : null };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/conflicts/:id",
    role: "viewer",
    summary: "One conflict: the user, the candidates side by side, and what each choice does.",
    params: conflictParams,
    answer: conflictDetail,
    run: (context, { params }) => explainConflict(context, params.id),
  }),
  defineRoute({
    method: "POST",
    path: "/conflicts/:id/resolve",
    role: "operator",
    summary: "Links one of the conflict's candidates to the user, or dismisses the conflict.",
    params: conflictParams,
    body: conflictResolution,
    bodyUnder: ({ profile }) => conflictResolutionOf(profile?.keyType ?? "integer"),
    status: 204,
    run: (context, { params, body }, { operator }) =>
      resolveConflict(context, params.id, body, operator.name),
  }),
];
