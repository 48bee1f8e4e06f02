import { alertRules, alertView, listOf, systemStatus } from "@rollcall/contracts";
import { readAlerts } from "@rollcall/db";
import { viewAlerts } from "@rollcall/observability";
import { readStatus } from "@rollcall/sync";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const alertNames = alertRules.map(({ name }) => name);

export const statusRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/status",
    role: "viewer",
    summary: "The state of the whole system: one sentence for each problem, and the facts behind it.",
    answer: systemStatus,
    run: (context) => readStatus(context),
  }),
  defineRoute({
    method: "GET",
    path: "/alerts",
    role: "viewer",
    summary: "The present state of every alert, with the compared value and the time of the last firing.",
    answer: listOf(alertView),
    run: async ({ pool }) => {
      const items = viewAlerts(alertRules, await readAlerts(pool, alertNames));
      return { items, nextCursor: null };
    },
  }),
];
