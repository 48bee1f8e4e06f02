import { bulkAnswer, bulkRequest, bulkView, listOf, listQuery } from "@rollcall/contracts";
import { listBulkChanges } from "@rollcall/db";
import { cancelBulk, getBulkChange, requestBulkChange } from "@rollcall/sync";
import { z } from "zod";
import { requireRole } from "./access/operator.ts";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const bulkParams = z.object({ id: z.coerce.number().int().positive() });

export const bulkRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "POST",
    path: "/users/bulk",
    role: "operator",
    summary:
      "Syncs all users that match a filter, or gives them a tier, which needs the role admin. A worker does it. With `preview` it only counts, with status 200.",
    body: bulkRequest,
    // A thousand ids.
    bodyLimit: 256 * 1024,
    status: 202,
    answer: bulkAnswer,
    run: async (context, { body }, { operator }, reply) => {
      if ("tier" in body.action) requireRole(operator, "admin");
      const answer = await requestBulkChange(context, body, operator.name);
      if (answer.jobId === undefined) reply.code(200);
      else {
        const { jobId: bulkId, matching } = answer;
        const line = { event: "bulk_requested", bulkId, matching, by: operator.name } as const;
        context.log.info(line, "A bulk change is requested");
      }
      return answer;
    },
  }),
  defineRoute({
    method: "GET",
    path: "/bulk",
    role: "viewer",
    summary: "Bulk changes, newest first.",
    query: listQuery,
    answer: listOf(bulkView),
    run: async ({ pool }, { query: { cursor, limit } }) => {
      const items = await listBulkChanges(pool, { beforeId: cursor, limit });
      const last = items.at(-1);
      return { items, nextCursor: last && items.length === limit ? String(last.id) : null };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/bulk/:id",
    role: "viewer",
    summary: "One bulk change and its progress.",
    params: bulkParams,
    answer: bulkView,
    run: (context, { params }) => getBulkChange(context, params.id),
  }),
  defineRoute({
    method: "POST",
    path: "/bulk/:id/cancel",
    role: "operator",
    summary: "Cancels a bulk change. Users that are done stay done.",
    params: bulkParams,
    answer: bulkView,
    run: (context, { params }, { operator }) => cancelBulk(context, params.id, operator.name),
  }),
];
