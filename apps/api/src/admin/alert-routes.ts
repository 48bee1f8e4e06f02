import { alertRules, alertView, listOf } from "@rollcall/contracts";
import { readAlerts } from "@rollcall/db";
import { viewAlerts } from "@rollcall/observability";
import { type AdminRoute, defineRoute } from "./admin-route.ts";

const names = alertRules.map(({ name }) => name);

export const alertRoutes: readonly AdminRoute[] = [
  defineRoute({
    method: "GET",
    path: "/alerts",
    summary: "Every alert as it is now, with the value that was compared and when it fired last.",
    answer: listOf(alertView),
    run: async ({ pool }) => {
      const items = viewAlerts(alertRules, await readAlerts(pool, names));
      return { items, nextCursor: null };
    },
  }),
];
