import { AppError, listOf, reconcileRequest, runQuery, runView } from "@rollcall/contracts";
import { findRun, listRuns } from "@rollcall/db";
import { addConfirmation, addReconcile } from "@rollcall/jobs";
import { cancelRun, requestConfirmation, requestRun } from "@rollcall/sync";
import { z } from "zod";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const runParams = z.object({ id: z.coerce.number().int().positive() });
const runAnswer = z.object({ runId: z.number().int() });
const enqueueDeadlineMs = 2_000;

export const runRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "POST",
    path: "/reconcile",
    role: "operator",
    summary: "Starts a run now, or answers the unfinished run of this mode. After a 503, call again.",
    body: reconcileRequest,
    status: 202,
    answer: runAnswer,
    run: async ({ pool, producers }, { body }, { operator }) => {
      const { run } = await requestRun({ pool }, body, { operator: operator.name });
      const job = { v: 1, mode: run.mode, runId: run.id } as const;
      await addReconcile(producers.reconcile, job, enqueueDeadlineMs);
      return { runId: run.id };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/runs",
    role: "viewer",
    summary: "Reconcile runs of one mode or both, newest first.",
    query: runQuery,
    answer: listOf(runView),
    run: async ({ pool }, { query: { mode, cursor, limit } }) => {
      const items = await listRuns(pool, { mode, beforeId: cursor, limit });
      const last = items.at(-1);
      return { items, nextCursor: last && items.length === limit ? String(last.id) : null };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/runs/:id",
    role: "viewer",
    summary: "One run: its start, progress, counts, and the reason of a failure.",
    params: runParams,
    answer: runView,
    run: async ({ pool }, { params }) => {
      const run = await findRun(pool, params.id);
      if (!run) throw new AppError("run.unknown", `There is no run ${params.id}`);
      return run;
    },
  }),
  defineRoute({
    method: "POST",
    path: "/runs/:id/cancel",
    role: "operator",
    summary: "Cancels a run. The process that works on it stops within seconds.",
    params: runParams,
    status: 202,
    answer: runView,
    run: ({ pool }, { params }, { operator }) => cancelRun({ pool }, params.id, operator.name),
  }),
  defineRoute({
    method: "POST",
    path: "/runs/:id/confirm-deletions",
    role: "admin",
    summary:
      "Lets a worker carry out the deletions that a run holds, after a new lookup of each user at Clerk.",
    params: runParams,
    status: 202,
    answer: runAnswer,
    run: async ({ pool, producers }, { params }, { operator }) => {
      const { id } = await requestConfirmation({ pool }, params.id, operator.name);
      await addConfirmation(producers.reconcile, id, enqueueDeadlineMs);
      return { runId: id };
    },
  }),
];
