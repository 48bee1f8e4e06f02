import {
  AppError,
  heldDeletion,
  listOf,
  listQuery,
  type RunView,
  reconcileRequest,
  rowClerkId,
  runDifferences,
  runQuery,
  runView,
  scheduleView,
} from "@rollcall/contracts";
import { countDifferences, findRun, listDifferences, listHeldOfRun, listRuns, type Pool } from "@rollcall/db";
import { addConfirmation, addReconcile } from "@rollcall/jobs";
import { cancelRun, listSchedules, requestConfirmation, requestRun } from "@rollcall/sync";
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
    run: ({ pool }, { params }) => getRun(pool, params.id),
  }),
  defineRoute({
    method: "GET",
    path: "/runs/:id/differences",
    role: "viewer",
    summary: "The users that a dry run would change. Only the newest dry runs still have them.",
    params: runParams,
    query: listQuery,
    answer: runDifferences,
    run: async ({ pool }, { params, query: { cursor, limit } }) => {
      const run = await getRun(pool, params.id);
      const page = await listDifferences(pool, run.id, { after: cursor, limit });
      return { ...page, complete: (await countDifferences(pool, run.id)) === countChanges(run) };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/runs/:id/held",
    role: "viewer",
    summary: "The users whose deletion a run holds, by name.",
    params: runParams,
    query: listQuery.extend({ cursor: rowClerkId.max(256).optional() }),
    answer: listOf(heldDeletion),
    run: async ({ pool }, { params, query: { cursor, limit } }) => {
      const run = await getRun(pool, params.id);
      const items = await listHeldOfRun(pool, run.id, cursor ?? "", limit);
      return { items, nextCursor: items.length === limit ? (items.at(-1)?.clerkId ?? null) : null };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/schedules",
    role: "viewer",
    summary: "The schedule of each mode, with its newest run.",
    answer: listOf(scheduleView),
    run: async (context) => ({ items: await listSchedules(context), nextCursor: null }),
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

async function getRun(pool: Pool, id: number): Promise<RunView> {
  const run = await findRun(pool, id);
  if (!run) throw new AppError("run.unknown", `There is no run ${id}`);
  return run;
}

function countChanges({ dryRun, counts }: RunView): number {
  if (!dryRun) return 0;
  const { unchanged: _, ...changes } = counts;
  return Object.values(changes).reduce((sum, count) => sum + count, 0);
}
